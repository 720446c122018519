// What is known of a message when its header has come: the record to commit, and the header fields to put before its content.
import { type HeaderFacts, scanHeader } from '#shared/mail/header.ts';
import type { Origin } from '#shared/spool/record.ts';
import type { Incoming } from '#shared/spool/spool.ts';
import type { Conversation, Transaction } from './conversation.ts';
import { newMessageId, receivedField, submissionFields, type TraceFacts } from './received-header.ts';

export interface Draft {
  readonly message: Incoming;
  readonly prefix: Buffer;
  readonly header: HeaderFacts;
  /** For the log line. */
  readonly summary: Readonly<Record<string, unknown>>;
}

/** `start` is the content as far as it has come: with all of its header. */
export function draftMessage(conversation: Conversation, transaction: Transaction, start: Buffer): Draft {
  const { listener } = conversation;
  const { body, reversePath, smtputf8, ret, envid, span } = transaction;
  const recipients = [...transaction.recipients.values()];
  const header = scanHeader(start);
  const facts = traceFacts(conversation, transaction, recipients.map(({ address }) => address));
  const messageId = header.messageId ?? (listener.submission ? newMessageId(facts) : undefined);
  const message: Incoming = {
    id: facts.id,
    envelope: { reversePath, recipients, body, smtputf8, ...(ret === undefined ? {} : { ret }), ...(envid === undefined ? {} : { envid }) },
    origin: originOf(conversation),
    ...(messageId === undefined ? {} : { messageId }),
    traceparent: span.traceparent,
    hops: header.received,
    ...(header.deliveredTo.length === 0 ? {} : { deliveredTo: header.deliveredTo }),
    receivedAt: facts.receivedAt,
  };
  const fields = receivedField(facts) + (listener.submission ? submissionFields(header, facts) : '');
  span.set({ 'stafette.id': facts.id, 'stafette.recipients': recipients.length });
  const summary = { from: reversePath, recipients: recipients.length, client: conversation.client, helo: facts.helo.name, listener: listener.name, user: conversation.user ?? undefined, messageId };
  return { message, prefix: Buffer.from(fields), header, summary };
}

function traceFacts({ ingress, helo, client, tls, user }: Conversation, { smtputf8 }: Transaction, recipients: readonly string[]): TraceFacts {
  return {
    id: ingress.host.spool.newId(),
    hostname: ingress.hostname,
    helo: helo ?? { name: 'unknown', extended: false },
    client,
    tls,
    authenticated: user !== null,
    smtputf8,
    recipients,
    receivedAt: ingress.host.clock.now(),
  };
}

function originOf({ client, helo, tls, user }: Conversation): Origin {
  return {
    kind: 'smtp',
    client,
    helo: helo?.name ?? '',
    ...(tls === null ? {} : { tls: `${tls.version} ${tls.cipher}` }),
    ...(user === null ? {} : { user }),
  };
}
