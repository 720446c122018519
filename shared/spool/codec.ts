// How records are written in Redis: JSON with a version. What this reader does not know survives a rewrite.
import type { MessageHead, Recipient, RecipientState } from './record.ts';
import { RECORD_VERSION } from './record.ts';
import { type Incoming, type NewRecipient, RecordTooNewError, type TraceEvent } from './spool.ts';
import { decodeRanges, encodeRanges } from './work.ts';

const STATES: Readonly<Record<string, RecipientState>> = { q: 'queued', o: 'owed', d: 'done' };

/** The head as stored. */
export function encodeHead(message: Incoming, size: number): string {
  const { envelope, origin, receivedAt, hops, messageId, traceparent, deliveredTo } = message;
  const head: MessageHead = {
    version: RECORD_VERSION,
    envelope,
    origin,
    size,
    receivedAt,
    hops,
    ...(messageId === undefined ? {} : { messageId }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(deliveredTo?.length ? { deliveredTo } : {}),
  };
  return JSON.stringify(head);
}

/** Throws RecordTooNewError when a newer version wrote it. */
export function decodeHead(text: string): MessageHead {
  const head = JSON.parse(text) as MessageHead;
  if (head.version > RECORD_VERSION) throw new RecordTooNewError(`record of version ${head.version}, this reader knows ${RECORD_VERSION}`);
  return head;
}

/** What a new recipient's field holds after its prefix (number, state, attempts and mailbox, which the scripts write). */
export function encodeNewRecipient({ address, of, transport, domain, notify, orcpt, reversePath, rule, outcome }: NewRecipient): string {
  return JSON.stringify({ address, of, transport, domain, notify, orcpt, reversePath, rule, last: outcome });
}

/** The same of one read before, what this reader does not know included. */
export function encodeRecipient(recipient: Recipient, changes: Partial<Pick<Recipient, 'last' | 'lastAttemptAt' | 'warnedAt'>>): string {
  const { number: _number, state: _state, mailbox: _mailbox, attempts: _attempts, ...kept } = recipient;
  return JSON.stringify({ ...kept, ...changes });
}

/** The same of several that share a field: their numbers, then each. */
export function encodeNewRecipients(recipients: readonly NewRecipient[]): string {
  return `${encodeRanges(recipients.map(({ number }) => number))}\n${encodeTogether(recipients.map(encodeNewRecipient))}`;
}

/** JSON of several recipients: as one list it is parsed, and scripts find each by the line ends, for JSON has none of its own. */
export function encodeTogether(recipients: readonly string[]): string {
  return recipients.join(',\n');
}

/** The recipients of the field `r<number>`, whose prefix is `state attempts:mailbox`. */
export function decodeRecipients(number: number, text: string): Recipient[] {
  const line = text.indexOf('\n');
  const colon = text.indexOf(':');
  const state = STATES[text[0] ?? ''];
  if (line < 0 || colon < 0 || !state) throw new Error('damaged recipient field');
  const json = text[line + 1] === '{' ? line : text.indexOf('\n', line + 1);
  const numbers = json === line ? [number] : decodeRanges(text.slice(line + 1, json));
  const recipients = JSON.parse(`[${text.slice(json + 1)}]`) as object[];
  if (recipients.length !== numbers.length) throw new Error('damaged recipient field');
  const [attempts, mailbox] = [Number(text.slice(1, colon)), text.slice(colon + 1, line)];
  return recipients.map((each, i) => Object.assign(each, { number: numbers[i], state, attempts, mailbox }) as Recipient);
}

/**
 * Events as one value of the trace stream; nothing for none. They are of one message, and where one is `received` or `routed` the
 * first is: the trace's store reads no more of it (trace-store/trace-rows.ts).
 */
export function encodeEvents(events: readonly TraceEvent[] | undefined): string {
  return events?.length ? JSON.stringify(events) : '';
}
