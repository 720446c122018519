// RCPT (RFC 5321 section 4.1.1.3): one more recipient, if relay policy and the directory allow it.
import { canonicalDomain, domainOf, isAscii } from '#shared/mail/address.ts';
import { parseRcptParameters, type RcptParameters } from '#shared/mail/esmtp-parameters.ts';
import { parseRcptArgument } from '#shared/mail/path.ts';
import { replies, ruleReply, type ServerReply } from '#shared/smtp/replies.ts';
import type { Conversation, Transaction } from './conversation.ts';
import { argumentReply, parameterReply } from './parameter-reply.ts';
import { relayDecision } from './relay-policy.ts';

export function rcpt(conversation: Conversation, argument: string): ServerReply | Promise<ServerReply> {
  const { transaction, ingress } = conversation;
  if (!transaction) return replies.needMail;
  const path = parseRcptArgument(argument);
  if (!path.ok) return argumentReply(path.problem, replies.badRecipient);
  const { mailbox } = path.value;
  if (!transaction.smtputf8 && !isAscii(mailbox)) return replies.utf8Address;
  const parameters = parseRcptParameters(path.value.parameters);
  if (!parameters.ok) return parameterReply(parameters.problem);
  const key = recipientKey(mailbox);
  // RFC 5321 section 4.5.3.1.10: 452, so that the client sends the rest in another transaction.
  if (transaction.recipients.size >= ingress.limits.recipients && !transaction.recipients.has(key)) return replies.tooManyRecipients;
  return decide(conversation, transaction, key, mailbox, parameters.value);
}

async function decide(conversation: Conversation, transaction: Transaction, key: string, address: string, parameters: RcptParameters): Promise<ServerReply> {
  const reply = await ask(conversation, address, transaction.size);
  if (reply === replies.recipientOk) transaction.recipients.set(key, { address, ...parameters });
  if (reply === replies.unknownRecipient) conversation.unknownRecipients++;
  return reply;
}

async function ask({ ingress, user, trusted }: Conversation, address: string, size: number): Promise<ServerReply> {
  try {
    const { directory } = ingress.host;
    const verdict = await directory.lookup(address);
    if (verdict.kind === 'account' && (await directory.isFull(verdict.account, size))) return replies.mailboxFull;
    const reply = relayDecision(verdict, address, user !== null || trusted);
    if (reply !== replies.recipientOk || verdict.kind !== 'foreign') return reply;
    // What the router would bounce is better refused now.
    const { route } = directory.route(domainOf(address));
    return route.transport === 'error' ? ruleReply(route.status, route.text) : reply;
  } catch (error) {
    ingress.host.log.error({ err: error, to: address }, 'directory lookup failed');
    return replies.directoryUnavailable;
  }
}

/** RFC 5321 section 2.4: the local-part's case may matter to its owner, the domain's never does. */
function recipientKey(mailbox: string): string {
  const at = mailbox.lastIndexOf('@');
  return at < 0 ? mailbox.toLowerCase() : `${mailbox.slice(0, at)}@${canonicalDomain(mailbox.slice(at + 1))}`;
}
