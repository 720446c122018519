// AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN, over TLS only. A failed attempt costs time, and is counted for the session, the
// client's address and the account. The exchange is a chain of continuations; nothing of it is logged.
import { setTimeout as pause } from 'node:timers/promises';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Continuation, Conversation } from './conversation.ts';
import { clientKey } from './limits.ts';
import { decodeBase64, decodePlain } from './sasl.ts';

/** `Username:` and `Password:` in base64, the challenges every client of LOGIN expects. */
const USERNAME = 'VXNlcm5hbWU6';
const PASSWORD = 'UGFzc3dvcmQ6';

/** RFC 4954 section 4. */
export function auth(conversation: Conversation, argument: string): ServerReply | Promise<ServerReply> {
  if (!conversation.tls) return replies.authNeedsTls;
  // RFC 4954 section 4: after EHLO, once in a session, and not within a transaction.
  if (!conversation.helo?.extended || conversation.user !== null || conversation.transaction) return replies.authNotNow;
  const [mechanism = '', initial, ...more] = argument.split(' ');
  if (more.length > 0) return replies.authSyntax;
  if (mechanism.toUpperCase() === 'PLAIN') return start(conversation, '', (response) => plain(conversation, response), initial);
  if (mechanism.toUpperCase() === 'LOGIN') return start(conversation, USERNAME, (response) => login(conversation, response), initial);
  return replies.authMechanism;
}

type Step = (response: Buffer) => ServerReply | Promise<ServerReply>;

/** With an initial response the first challenge is left out; `=` is an empty one (RFC 4954 section 4). */
function start(conversation: Conversation, challenge: string, step: Step, initial: string | undefined): ServerReply | Promise<ServerReply> {
  if (initial === undefined) return challengeFor(conversation, challenge, step);
  const response = initial === '=' ? Buffer.alloc(0) : decodeBase64(initial);
  return response ? step(response) : replies.authSyntax;
}

function challengeFor(conversation: Conversation, challenge: string, step: Step): ServerReply {
  const continuation: Continuation = (line) => {
    conversation.continuation = null;
    if (line === '*') return replies.authCancelled;
    const response = decodeBase64(line);
    return response ? step(response) : replies.authSyntax;
  };
  conversation.continuation = continuation;
  return fill(replies.authChallenge, challenge);
}

function plain(conversation: Conversation, response: Buffer): ServerReply | Promise<ServerReply> {
  const credentials = decodePlain(response);
  return credentials ? verify(conversation, credentials.user, credentials.password) : replies.authSyntax;
}

function login(conversation: Conversation, response: Buffer): ServerReply {
  const user = response.toString('utf8');
  return challengeFor(conversation, PASSWORD, (password) => verify(conversation, user, password.toString('utf8')));
}

async function verify(conversation: Conversation, user: string, password: string): Promise<ServerReply> {
  const { authFailures, limits, host } = conversation.ingress;
  // Behind a proxy that does not tell its clients apart, one of them must not lock out the others.
  const client = conversation.listener.knowsClients ? [`client ${clientKey(conversation.client)}`] : [];
  const keys = [...client, `account ${user.toLowerCase().slice(0, 320)}`];
  if (keys.some((key) => authFailures.failures(key) >= limits.auth_failures_per_client)) return replies.authThrottled;
  try {
    const account = await host.directory.authenticate(user, password);
    if (!account) return await refuse(conversation, keys);
    conversation.user = account.address;
    return replies.authOk;
  } catch (error) {
    host.log.error({ err: error }, 'authentication could not be checked');
    return replies.authUnavailable;
  }
}

async function refuse(conversation: Conversation, keys: readonly string[]): Promise<ServerReply> {
  const { authFailures, limits, hostname } = conversation.ingress;
  for (const key of keys) authFailures.add(key);
  conversation.authFailures++;
  await pause(limits.auth_failure_delay, undefined, { signal: conversation.closed, ref: false }).catch(() => undefined);
  if (conversation.authFailures < limits.auth_failures) return replies.authFailed;
  conversation.hangUp();
  return fill(replies.tooManyErrors, hostname);
}
