// How records are written in Redis: JSON with a version. What this reader does not know survives a rewrite.
import type { MessageHead, Recipient, RecipientState } from './record.ts';
import { RECORD_VERSION } from './record.ts';
import { type Incoming, type NewRecipient, RecordTooNewError, type TraceEvent } from './spool.ts';
import { decodeRanges, encodeRanges } from './work.ts';

const STATES: Readonly<Record<string, RecipientState>> = { q: 'queued', o: 'owed', d: 'done' };

/** The head as stored, of a record of this version. */
export function encodeHead(message: Incoming, size: number, version: number): string {
  const { envelope, origin, receivedAt, hops, messageId, traceparent, deliveredTo } = message;
  const head: MessageHead = {
    version,
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

/** JSON of recipients that share a field: what they have in common, and each. Scripts find each by the line ends, for JSON has none of its own. */
function together(common: object, each: readonly object[]): string {
  let text = JSON.stringify(common);
  for (const own of each) text += `,\n${JSON.stringify(own)}`;
  return text;
}

/** What the field of new recipients holds after its prefix. Of several who share it: their numbers, what they have in common, and what each has besides. */
export function encodeNewRecipients(recipients: readonly NewRecipient[]): string {
  const first = recipients[0] as NewRecipient;
  if (recipients.length === 1) return JSON.stringify(keptOfNew(first));
  const numbers = encodeRanges(recipients.map(({ number }) => number));
  const alike = recipients.every((each) => isLike(each, first));
  return `${numbers}\n${alike ? together(commonOf(first), recipients.map(ownOf)) : together({}, recipients.map(keptOfNew))}`;
}

function keptOfNew({ address, of, transport, domain, notify, orcpt, reversePath, rule, outcome }: NewRecipient) {
  return { address, of, transport, domain, notify, orcpt, reversePath, rule, last: outcome };
}

function ownOf({ address, of, notify, orcpt }: NewRecipient) {
  return { address, of, notify, orcpt };
}

function commonOf({ transport, domain, reversePath, rule, outcome }: NewRecipient) {
  return { transport, domain, reversePath, rule, last: outcome };
}

function isLike(a: NewRecipient, b: NewRecipient): boolean {
  return a.transport === b.transport && a.domain === b.domain && a.reversePath === b.reversePath && a.rule === b.rule && a.outcome === b.outcome;
}

/** What a recipient read before keeps beside number, state, attempts and mailbox, what this reader does not know included. */
export function keptOf(recipient: Recipient, changes: Partial<Pick<Recipient, 'last' | 'lastAttemptAt' | 'warnedAt'>>): object {
  const { number: _number, state: _state, mailbox: _mailbox, attempts: _attempts, ...kept } = recipient;
  return { ...kept, ...changes };
}

/** The same of one, or of several as they stand in a field behind their numbers. */
export function encodeKept(kept: readonly object[]): string {
  return kept.length === 1 ? JSON.stringify(kept[0]) : together({}, kept);
}

/** The recipients of the field `r<number>`, whose prefix is `state attempts:mailbox`. */
export function decodeRecipients(number: number, text: string): Recipient[] {
  const line = text.indexOf('\n');
  const colon = text.indexOf(':');
  const state = STATES[text[0] ?? ''];
  if (line < 0 || colon < 0 || !state) throw new Error('damaged recipient field');
  const place = { state, attempts: Number(text.slice(1, colon)), mailbox: text.slice(colon + 1, line) };
  if (text[line + 1] === '{') return [Object.assign(JSON.parse(text.slice(line + 1)), { number, ...place })];
  const json = text.indexOf('\n', line + 1);
  const numbers = decodeRanges(text.slice(line + 1, json));
  const [common, ...each] = JSON.parse(`[${text.slice(json + 1)}]`) as object[];
  if (each.length !== numbers.length) throw new Error('damaged recipient field');
  return each.map((own, i) => ({ ...common, ...own, number: numbers[i], ...place }) as Recipient);
}

/**
 * Events as one value of the trace stream; nothing for none. They are of one message, and where one is `received` or `routed` the
 * first is: the trace's store reads no more of it (trace-store/trace-rows.ts).
 */
export function encodeEvents(events: readonly TraceEvent[] | undefined): string {
  return events?.length ? JSON.stringify(events) : '';
}
