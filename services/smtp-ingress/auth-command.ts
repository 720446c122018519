// AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN, over TLS only. A failed attempt costs time, and is counted for the session, the
// client's address and the account. The exchange is a chain of continuations; nothing of it is logged.
import { type Credentials, type SaslStep, startSasl } from '#shared/session/sasl.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';

/** RFC 4954 section 4. */
export function auth(conversation: Conversation, argument: string): ServerReply | Promise<ServerReply> {
  if (!conversation.tls) return replies.authNeedsTls;
  // RFC 4954 section 4: after EHLO, once in a session, and not within a transaction.
  if (!conversation.helo?.extended || conversation.user !== null || conversation.transaction) return replies.authNotNow;
  const [mechanism = '', initial, ...more] = argument.split(' ');
  if (more.length > 0) return replies.authSyntax;
  return proceed(conversation, startSasl(mechanism, initial));
}

const FAILED = {
  mechanism: replies.authMechanism,
  syntax: replies.authSyntax,
  authorization: replies.authForAnother,
  cancelled: replies.authCancelled,
} as const;

function proceed(conversation: Conversation, step: SaslStep): ServerReply | Promise<ServerReply> {
  if (step.kind === 'failed') return FAILED[step.why];
  if (step.kind === 'credentials') return verify(conversation, step.credentials);
  conversation.continuation = (line) => {
    conversation.continuation = null;
    return proceed(conversation, step.next(line));
  };
  return fill(replies.authChallenge, step.challenge);
}

async function verify(conversation: Conversation, credentials: Credentials): Promise<ServerReply> {
  const { authenticator, limits, hostname } = conversation.ingress;
  const result = await authenticator.check(credentials, conversation.listener.knowsClients ? conversation.client : null, conversation.closed);
  if (result.kind === 'throttled') return replies.authThrottled;
  if (result.kind === 'unavailable') return replies.authUnavailable;
  if (result.kind === 'authenticated') {
    conversation.user = result.account.address;
    return replies.authOk;
  }
  conversation.authFailures++;
  if (conversation.authFailures < limits.auth_failures) return replies.authFailed;
  conversation.hangUp();
  return fill(replies.tooManyErrors, hostname);
}
