// From entries of the trace stream to rows. Pure. An event that does not read is left out and named, the others of its entry stay.
import { isQueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import type { TraceEventsTable, TraceMessagesTable, TraceRecipientsTable } from './schema.ts';

/** One entry of the stream as Redis gives it: its id, and `e`, JSON, repeated. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

export interface TraceRows {
  readonly events: TraceEventsTable[];
  readonly messages: TraceMessagesTable[];
  readonly recipients: TraceRecipientsTable[];
  /** Values that are no list of events. */
  readonly damaged: number;
}

/** What an index of PostgreSQL takes whatever the text (some 2,700 bytes). */
const LONGEST_KEY = 512;

export function rowsOf(entries: readonly StreamEntry[]): TraceRows {
  const events: TraceEventsTable[] = [];
  const messages: TraceMessagesTable[] = [];
  const recipients = new Map<string, TraceRecipientsTable>();
  let damaged = 0;
  for (const [id, fields] of entries) {
    const dash = id.indexOf('-');
    const stream_ms = Number(id.slice(0, dash));
    const stream_seq = Number(id.slice(dash + 1));
    let position = 0;
    for (let i = 1; i < fields.length; i += 2) {
      const listed = parse(fields[i] as string);
      if (listed === null) damaged++;
      for (const event of listed ?? []) {
        events.push({ queue_id: event.id, stream_ms, stream_seq, position: position++, at: event.at, kind: event.kind, detail: JSON.stringify(event.detail) });
        if (event.kind === 'received') messages.push(messageOf(event));
        for (const address of addressesOf(event)) recipients.set(event.id + address, { queue_id: event.id, address });
      }
    }
  }
  return { events, messages, recipients: [...recipients.values()], damaged };
}

/** An address as it is stored and looked up. */
export function addressKey(address: string): string {
  return key(address.toLowerCase());
}

/** A Message-ID as it is stored and looked up, with or without its angle brackets. */
export function messageIdKey(messageId: string): string {
  return key(messageId.trim().replace(/^<(.*)>$/s, '$1'));
}

function parse(json: string): readonly TraceEvent[] | null {
  try {
    const listed: unknown = JSON.parse(json);
    return Array.isArray(listed) && listed.every(isEvent) ? listed : null;
  } catch {
    return null; // counted by the caller
  }
}

function isEvent(value: unknown): value is TraceEvent {
  const { id, at, kind, detail } = (value ?? {}) as Partial<Record<keyof TraceEvent, unknown>>;
  return typeof id === 'string' && isQueueId(id) && typeof at === 'number' && typeof kind === 'string' && typeof detail === 'object' && detail !== null;
}

function messageOf({ id, at, detail }: TraceEvent): TraceMessagesTable {
  const { from, messageId, origin } = detail as { from?: unknown; messageId?: unknown; origin?: { kind?: unknown; parent?: unknown } };
  const parent = origin?.kind === 'dsn' && typeof origin.parent === 'string' ? origin.parent : null;
  return {
    queue_id: id,
    at,
    message_id: typeof messageId === 'string' ? messageIdKey(messageId) : null,
    sender: typeof from === 'string' ? addressKey(from) : '',
    parent,
  };
}

function addressesOf({ kind, detail }: TraceEvent): readonly string[] {
  if (kind !== 'received' && kind !== 'routed') return [];
  const listed: unknown = kind === 'received' ? detail['to'] : detail['recipients'];
  const addresses = Array.isArray(listed) ? listed.map((each: unknown) => (kind === 'received' ? each : (each as { address?: unknown } | null)?.address)) : [];
  return addresses.flatMap((address) => (typeof address === 'string' ? addressKey(address) : []));
}

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function key(text: string): string {
  return text.slice(0, LONGEST_KEY).toWellFormed().replaceAll('\0', '\uFFFD');
}
