// From entries of the trace stream to rows, and from rows back to events. Pure. What does not read is left out and counted.
// A row's text is lines, `ms-seq-position JSON`: the place in the stream, and the value as the spool wrote it (codec.ts, encodeEvents).
import { isQueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import type { TraceEventsTable } from './schema.ts';
import { byTime, keysOf, keysOfPlain } from './trace-keys.ts';

/** One entry of the stream as Redis gives it: its id, and `e`, JSON of the events of one message, repeated. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

export type EventsRow = readonly [queueId: string, streamMs: number, streamSeq: number, events: string];
export type KeyRow = readonly [key: string, idByTime: string, others: string];

export interface TraceRows {
  readonly events: readonly EventsRow[];
  readonly keys: readonly KeyRow[];
  /** Values in `events`. */
  readonly values: number;
  /** Values that are no list of events. */
  readonly damaged: number;
}

/** What every value begins with: events are of one message, and each begins with its id. */
const BEFORE_ID = '[{"id":"';
const ID_END = BEFORE_ID.length + 25;

/** Ids of one row of keys: it stays within a page of the index. */
const IDS = 32;

interface Gathered {
  readonly streamId: string;
  events: string;
  keys: readonly string[];
}

/** One row for each message of these entries, and its keys. Entries must be all that the stream had from the first to the last. */
export function rowsOf(entries: readonly StreamEntry[]): TraceRows {
  const messages = new Map<string, Gathered>();
  let values = 0;
  let damaged = 0;
  for (const [streamId, fields] of entries) {
    for (let i = 1; i < fields.length; i += 2) {
      const json = fields[i] as string;
      const id = json.slice(BEFORE_ID.length, ID_END);
      let message = messages.get(id);
      const keys = isValue(json) && (message || isQueueId(id)) ? keysIn(json, id) : null;
      if (!keys) {
        damaged++;
        continue;
      }
      values++;
      if (!message) {
        message = { streamId, events: '', keys: [] };
        messages.set(id, message);
      }
      message.events += `${streamId}-${(i - 1) / 2} ${json}\n`;
      message.keys = message.keys.length === 0 ? keys : [...message.keys, ...keys];
    }
  }
  return { events: eventsRows(messages), keys: keyRows(messages), values, damaged };
}

function eventsRows(messages: ReadonlyMap<string, Gathered>): readonly EventsRow[] {
  return Array.from(messages, ([id, { streamId, events }]) => {
    const dash = streamId.indexOf('-');
    return [id, Number(streamId.slice(0, dash)), Number(streamId.slice(dash + 1)), events];
  });
}

/** Messages of one key and shard share rows: a busy sender has hundreds in one round. */
function keyRows(messages: ReadonlyMap<string, Gathered>): readonly KeyRow[] {
  const shared = new Map<string, string[]>();
  for (const [id, { keys }] of messages) {
    const idByTime = byTime(id);
    for (const key of keys) {
      const place = id.slice(0, 1) + key;
      const ids = shared.get(place);
      if (!ids) shared.set(place, [idByTime]);
      else if (ids.at(-1) !== idByTime) ids.push(idByTime);
    }
  }
  const rows: KeyRow[] = [];
  for (const [place, ids] of shared) {
    for (let from = 0; from < ids.length; from += IDS) {
      const [newest = '', ...others] = ids
        .slice(from, from + IDS)
        .sort()
        .reverse();
      rows.push([place.slice(1), newest, others.join('')]);
    }
  }
  return rows;
}

function isValue(json: string): boolean {
  return json.startsWith(BEFORE_ID) && json[ID_END] === '"' && json.endsWith('}]');
}

const KIND = '"kind":"';

/** Null when the value does not read. Only `received` and `routed` make keys, and where there is one the first is (codec.ts). */
function keysIn(json: string, id: string): readonly string[] | null {
  const kind = json.indexOf(KIND, ID_END) + KIND.length;
  if (!json.startsWith('received"', kind) && !json.startsWith('routed"', kind)) return [];
  return keysOfPlain(json) ?? parse(json, id)?.flatMap(keysOf) ?? null;
}

/** The events of one message's rows in the order of the stream, each once, and how many lines did not read. */
export function eventsOf(rows: readonly Pick<TraceEventsTable, 'queue_id' | 'events'>[]): { readonly events: TraceEvent[]; readonly damaged: number } {
  const lines = new Map<string, { readonly place: readonly number[]; readonly events: readonly TraceEvent[] }>();
  let damaged = 0;
  for (const { queue_id, events: text } of rows) {
    for (const line of text.split('\n')) {
      const [, place = '', json = ''] = /^(\d+-\d+-\d+) (.*)$/.exec(line) ?? [];
      if (line === '' || lines.has(place)) continue;
      const events = parse(json, queue_id);
      if (events) lines.set(place, { place: place.split('-').map(Number), events });
      else damaged++;
    }
  }
  return { events: [...lines.values()].sort((a, b) => inOrder(a.place, b.place)).flatMap(({ events }) => events), damaged };
}

function inOrder(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value - (b[i] ?? 0);
  return 0;
}

function parse(json: string, id: string): readonly TraceEvent[] | null {
  try {
    const listed: unknown = JSON.parse(json);
    return Array.isArray(listed) && listed.every((each) => isEvent(each) && each.id === id) ? listed : null;
  } catch {
    return null; // counted by the caller
  }
}

function isEvent(value: unknown): value is TraceEvent {
  const { id, at, kind, detail } = (value ?? {}) as Partial<Record<keyof TraceEvent, unknown>>;
  return typeof id === 'string' && isQueueId(id) && typeof at === 'number' && typeof kind === 'string' && typeof detail === 'object' && detail !== null;
}
