// MAIL (RFC 5321 section 4.1.1.2): begins a transaction, if we may and can take a message now.
import { isAscii } from '#shared/mail/address.ts';
import { type MailParameters, parseMailParameters } from '#shared/mail/esmtp-parameters.ts';
import { parseMailArgument } from '#shared/mail/path.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation } from './conversation.ts';
import { argumentReply, parameterReply } from './parameter-reply.ts';
import { startTransactionSpan } from './transaction-span.ts';

export function mail(conversation: Conversation, argument: string): ServerReply {
  const early = notNow(conversation);
  if (early) return early;
  const path = parseMailArgument(argument);
  if (!path.ok) return argumentReply(path.problem, replies.badSender);
  const parameters = parseMailParameters(path.value.parameters);
  if (!parameters.ok) return parameterReply(parameters.problem);
  const refusal = refuse(conversation, path.value.mailbox, parameters.value);
  if (refusal) return refusal;
  begin(conversation, path.value.mailbox, parameters.value);
  return replies.senderOk;
}

/** What forbids a transaction whatever its sender is. */
function notNow(conversation: Conversation): ServerReply | null {
  const { ingress, listener } = conversation;
  // RFC 5321 section 4.1.4: a client should have said EHLO; section 4.1.1.2: no transaction within another.
  if (!conversation.helo) return replies.needHelo;
  if (conversation.transaction) return replies.nestedMail;
  if (listener.submission && conversation.user === null) return authenticateFirst(conversation);
  if (ingress.draining) return lastReply(conversation, replies.shuttingDown);
  if (conversation.messages < ingress.limits.messages_per_connection) return null;
  return lastReply(conversation, replies.tooManyMessages);
}

function lastReply(conversation: Conversation, reply: ServerReply): ServerReply {
  conversation.hangUp();
  return fill(reply, conversation.ingress.hostname);
}

/** RFC 6409 section 4.3 and RFC 3207 section 4: authentication first, and TLS before that. */
function authenticateFirst({ listener, tls }: Conversation): ServerReply {
  return listener.offersTls && !tls ? replies.tlsRequired : replies.authRequired;
}

function refuse({ ingress }: Conversation, mailbox: string, { smtputf8, size = 0 }: MailParameters): ServerReply | null {
  // RFC 6531 section 3.5: no address beyond ASCII without SMTPUTF8.
  if (!smtputf8 && !isAscii(mailbox)) return replies.utf8Address;
  // RFC 1870 section 6.1: a declared size over the limit is refused before the data.
  if (size > ingress.limits.message_size) return fill(replies.tooBig, String(ingress.limits.message_size));
  const refusal = ingress.host.admission.refusal(size);
  if (!refusal) return null;
  return refusal.kind === 'full' ? replies.spoolFull : replies.spoolUnavailable;
}

function begin(conversation: Conversation, reversePath: string, { body, smtputf8, size, ret, envid }: MailParameters): void {
  conversation.messages++;
  conversation.transaction = {
    reversePath,
    body,
    smtputf8,
    size: Math.max(1, size ?? 1),
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
    recipients: new Map(),
    startedAt: conversation.ingress.host.clock.monotonic(),
    span: startTransactionSpan(conversation.listener.name, conversation.client),
  };
}
