// Finds messages in the trace and tells their life from their events.
// What does not read is left out with a line in the log.
import type { Kysely } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { QueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import type { TraceTables } from './schema.ts';
import { addressKey, fromByTime, inParts, messageIdKey, parentKey, type Received, receivedOf } from './trace-keys.ts';
import { eventsOf } from './trace-rows.ts';

export type TraceKey = { readonly id: QueueId } | { readonly address: string } | { readonly messageId: string };

/** One message's life, as far as it is written. */
export interface MessageTrace {
  readonly id: QueueId;
  readonly at: number;
  /** Lower case; empty for the null reverse-path. */
  readonly sender: string;
  /** Without angle brackets. */
  readonly messageId: string | null;
  /** Of a DSN: the message that it reports. */
  readonly parent: QueueId | null;
  /** In the order in which they were committed. */
  readonly events: readonly TraceEvent[];
}

interface Tables {
  readonly db: Kysely<TraceTables>;
  readonly engine: Engine;
  readonly log: Logger | undefined;
}

/** How far a DSN about a DSN is followed. */
const GENERATIONS = 3;
/** DSNs of one generation. */
const CHILDREN = 1000;
const UNKNOWN: Received = { sender: '', messageId: null, parent: null };

/** At most `limit` messages; the order is TraceStore's. */
export async function find(tables: Tables, key: TraceKey, limit: number): Promise<readonly MessageTrace[]> {
  const ids =
    'id' in key ? await family(tables, key.id) : await newest(tables, 'address' in key ? addressKey(key.address) : messageIdKey(key.messageId), limit);
  return read(tables, ids.slice(0, limit));
}

/** No row after the first `limit` has one of the `limit` newest: each of those before it has a newer one. */
async function newest({ db }: Tables, key: string, limit: number): Promise<readonly string[]> {
  const rows = await db.selectFrom('trace_keys').select(['id_by_time', 'others']).where('key', '=', key).orderBy('id_by_time', 'desc').limit(limit).execute();
  return inTime(rows).toReversed();
}

/** Oldest first, each once. */
function inTime(rows: readonly Pick<TraceTables['trace_keys'], 'id_by_time' | 'others'>[]): readonly string[] {
  const ids = new Set(rows.flatMap(({ id_by_time, others }) => inParts(id_by_time + others)));
  return [...ids].sort().map(fromByTime);
}

/** What the message reports, itself, and the DSNs about it. */
async function family(tables: Tables, id: QueueId): Promise<readonly string[]> {
  const above: QueueId[] = [];
  for (let child = id; above.length < GENERATIONS; ) {
    const [message] = await read(tables, [child]);
    if (!message?.parent || above.includes(message.parent)) break;
    child = message.parent;
    above.unshift(child);
  }
  const below: string[] = [];
  for (let [parents, depth]: [readonly string[], number] = [[id], 0]; parents.length > 0 && depth < GENERATIONS; depth++) {
    parents = await children(tables, parents);
    below.push(...parents);
  }
  return [...new Set([...above, id, ...below])];
}

async function children({ db, engine }: Tables, parents: readonly string[]): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('trace_keys')
    .select(['id_by_time', 'others'])
    .where(isOneOf(engine, 'key', parents.map(parentKey)))
    .orderBy('id_by_time')
    .limit(CHILDREN)
    .execute();
  return inTime(rows);
}

/** In the order of the ids, without those of which nothing is known. */
async function read({ db, engine, log }: Tables, ids: readonly string[]): Promise<readonly MessageTrace[]> {
  const rows = await db
    .selectFrom('trace_events')
    .select(['queue_id', 'events'])
    .where(isOneOf(engine, 'queue_id', ids))
    .execute();
  const known = Map.groupBy(rows, (row) => row.queue_id);
  return ids.flatMap((id) => {
    const { events, damaged } = eventsOf(known.get(id) ?? []);
    if (damaged > 0) log?.error({ id, damaged }, 'trace events could not be read');
    const received = events.find(({ kind }) => kind === 'received');
    const at = (received ?? events[0])?.at;
    return at === undefined ? [] : { id: id as QueueId, at, ...(received ? receivedOf(received) : UNKNOWN), events };
  });
}
