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

/** What the record keeps of a recipient beside its number, state, attempts and mailbox; of one read before, what this reader does not know included. */
export type Kept = Readonly<Record<string, unknown>>;

function keptOfNew({ address, of, transport, domain, notify, orcpt, reversePath, rule, outcome }: NewRecipient): Kept {
  return { address, of, transport, domain, notify, orcpt, reversePath, rule, last: outcome };
}

/** What the field of new recipients holds after its prefix: of several who share it, their numbers come first. */
export function encodeNewRecipients(recipients: readonly NewRecipient[]): string {
  const kept = encodeRecipients(recipients.map(keptOfNew));
  return recipients.length > 1 ? `${encodeRanges(recipients.map(({ number }) => number))}\n${kept}` : kept;
}

export function keptOf(recipient: Recipient, changes: Partial<Pick<Recipient, 'last' | 'lastAttemptAt' | 'warnedAt'>>): Kept {
  const { number: _number, state: _state, mailbox: _mailbox, attempts: _attempts, ...kept } = recipient;
  return { ...kept, ...changes };
}

/**
 * JSON of one recipient; of several, what all have in common and then what each has besides. As a list it is parsed, and scripts find each
 * by the line ends between, for JSON has none of its own.
 */
export function encodeRecipients(recipients: readonly Kept[]): string {
  const [first, ...others] = recipients;
  if (!first || others.length === 0) return JSON.stringify(first);
  const names = Object.keys(first).filter((name) => others.every((other) => other[name] === first[name]));
  const common = new Set(names);
  const parts = recipients.map((each) => JSON.stringify(pick(each, (name) => !common.has(name))));
  return [JSON.stringify(pick(first, (name) => common.has(name))), ...parts].join(',\n');
}

function pick(kept: Kept, wanted: (name: string) => boolean): Kept {
  const picked: Record<string, unknown> = {};
  for (const name of Object.keys(kept)) if (wanted(name)) picked[name] = kept[name];
  return picked;
}

/** The recipients of the field `r<number>`, whose prefix is `state attempts:mailbox`. */
export function decodeRecipients(number: number, text: string): Recipient[] {
  const line = text.indexOf('\n');
  const colon = text.indexOf(':');
  const state = STATES[text[0] ?? ''];
  if (line < 0 || colon < 0 || !state) throw new Error('damaged recipient field');
  const json = text[line + 1] === '{' ? line : text.indexOf('\n', line + 1);
  const numbers = json === line ? [number] : decodeRanges(text.slice(line + 1, json));
  const [attempts, mailbox] = [Number(text.slice(1, colon)), text.slice(colon + 1, line)];
  const parsed = JSON.parse(`[${text.slice(json + 1)}]`) as Kept[];
  const common = json === line ? {} : parsed.shift();
  if (parsed.length !== numbers.length) throw new Error('damaged recipient field');
  return parsed.map((each, i) => ({ ...common, ...each, number: numbers[i], state, attempts, mailbox }) as Recipient);
}

/**
 * Events as one value of the trace stream; nothing for none. They are of one message, and where one is `received` or `routed` the
 * first is: the trace's store reads no more of it (trace-store/trace-rows.ts).
 */
export function encodeEvents(events: readonly TraceEvent[] | undefined): string {
  return events?.length ? JSON.stringify(events) : '';
}
