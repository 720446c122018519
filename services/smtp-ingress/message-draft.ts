// What is known of a message when its header has come: the record to commit, and the header fields to put before its content.
import { type HeaderFacts, scanHeader } from '#shared/mail/header.ts';
import type { Origin } from '#shared/spool/record.ts';
import type { Incoming } from '#shared/spool/spool.ts';
import type { Conversation, Transaction } from './conversation.ts';
import { newMessageId, receivedField, submissionFields, type TraceFacts } from './received-header.ts';

// The record is kept in memory by Redis: what a header may put in it is bounded.
/** RFC 5322 section 2.1.1: characters of a line. */
const MAX_MESSAGE_ID = 998;
/** RFC 5321 section 4.5.3.1: octets of a local-part and a domain. */
const MAX_ADDRESS = 320;
/** More hops than a loop is let to make. */
const MAX_DELIVERED_TO = 100;

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
  const facts = traceFacts(
    conversation,
    transaction,
    recipients.map(({ address }) => address),
  );
  const messageId = messageIdOf(header) ?? (listener.submission ? newMessageId(facts) : undefined);
  const message: Incoming = {
    id: facts.id,
    envelope: { reversePath, recipients, body, smtputf8, ...(ret === undefined ? {} : { ret }), ...(envid === undefined ? {} : { envid }) },
    origin: originOf(conversation),
    ...(messageId === undefined ? {} : { messageId }),
    traceparent: span.traceparent,
    hops: header.received,
    ...(header.deliveredTo.length === 0 ? {} : { deliveredTo: header.deliveredTo.filter(({ length }) => length <= MAX_ADDRESS).slice(0, MAX_DELIVERED_TO) }),
    receivedAt: facts.receivedAt,
  };
  const fields = receivedField(facts) + (listener.submission ? submissionFields(header, facts) : '');
  span.set({ 'stafette.id': facts.id, 'stafette.recipients': recipients.length });
  const summary = {
    from: reversePath,
    recipients: recipients.length,
    client: conversation.client,
    helo: facts.helo.name,
    listener: listener.name,
    user: conversation.user ?? undefined,
    messageId,
  };
  return { message, prefix: Buffer.from(fields), header, summary };
}

function messageIdOf({ messageId }: HeaderFacts): string | undefined {
  return messageId !== undefined && messageId.length <= MAX_MESSAGE_ID ? messageId : undefined;
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
