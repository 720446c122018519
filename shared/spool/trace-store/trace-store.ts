// The trace in SQL: what became of every message, for trace.keep. SQLite in data_dir, or PostgreSQL, where several may write.
// Writing is idempotent by stream id. Fails as the database fails; the stream keeps what could not be written.
import { join } from 'node:path';
import { type Kysely, sql, type Transaction } from 'kysely';
import { deleteEach, insertEach, isOneOf } from '#shared/sql/bulk.ts';
import { type Engine, openDatabase } from '#shared/sql/database.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { encode } from '../queue-id.ts';
import { migrations, type TraceTables } from './schema.ts';
import { find, type MessageTrace, type TraceKey } from './trace-find.ts';
import { byTime, keysOf } from './trace-keys.ts';
import { eventsOf, rowsOf, type StreamEntry, type TraceRows } from './trace-rows.ts';

export interface TraceStore {
  /**
   * Writes entries of one stream: all that it had from the first to the last, read at one moment. Returns how many values
   * (each the events of one commit) they hold, new or not, and how many could not be read.
   */
  write(entries: readonly StreamEntry[]): Promise<{ readonly values: number; readonly damaged: number }>;
  /**
   * Newest first, at most `limit` messages. By id: the message, what it reports and the DSNs about it, in the order in which
   * one led to the other.
   */
  find(key: TraceKey, limit: number): Promise<readonly MessageTrace[]>;
  /** Deletes at most `batch` messages of this shard received before `before`; returns how many, 0 when none is left. */
  expire(shard: number, before: number, batch: number): Promise<number>;
  close(): Promise<void>;
}

export interface TraceStoreOptions {
  /** postgres:// URL; without it SQLite in `dataDir`. */
  readonly database?: string | undefined;
  readonly dataDir: string;
  readonly log?: Logger;
}

const EVENTS = { queue_id: 'text', stream_ms: 'bigint', stream_seq: 'bigint', events: 'text' } as const;
const KEYS = { key: 'text', id_by_time: 'text', others: 'text' } as const;
/** Of two rows that begin at the same place the longer holds the other. */
const KEEP_LONGER = `(queue_id, stream_ms, stream_seq) do update set events = excluded.events where length(excluded.events) > length(trace_events.events)`;
/** Rounds that differ may share the newest message of a key: what is told twice is read once. */
const KEEP_BOTH = `(key, id_by_time) do update set others = trace_keys.others || excluded.others
  where excluded.others <> '' and excluded.others <> trace_keys.others`;
/** Collectors of several processes take turns, so that their rows never wait for each other crosswise. */
const LOCK = 192016156;
/** Characters of events that one expiry reads, for their keys. */
const EXPIRE_SIZE = 4_000_000;

/** Opens the store and brings its tables up to date. Throws when the database is away or newer than this code. */
export async function openTraceStore({ database, dataDir, log }: TraceStoreOptions): Promise<TraceStore> {
  const { db, engine, close } = await openDatabase<TraceTables>({ url: database, file: join(dataDir, 'trace.sqlite'), store: 'trace', migrations, log });
  return {
    close,
    find: (key, limit) => find({ db, engine, log }, key, limit),
    expire: (shard, before, batch) => db.transaction().execute((transaction) => expire(transaction, engine, shard, before, batch)),
    async write(entries) {
      const rows = rowsOf(entries);
      if (rows.values > 0) await db.transaction().execute((transaction) => insert(transaction, engine, rows));
      return { values: rows.values, damaged: rows.damaged };
    },
  };
}

async function insert(db: Transaction<TraceTables>, engine: Engine, { events, keys }: TraceRows): Promise<void> {
  await takeTurns(db, engine);
  await insertEach(db, engine, 'trace_events', EVENTS, events, KEEP_LONGER);
  await insertEach(db, engine, 'trace_keys', KEYS, keys, KEEP_BOTH);
}

async function expire(db: Transaction<TraceTables>, engine: Engine, shard: number, before: number, batch: number): Promise<number> {
  await takeTurns(db, engine);
  const ids = await oldest(db, shard, before, batch);
  if (ids.length === 0) return 0;
  const gone = await db
    .deleteFrom('trace_events')
    .where(isOneOf(engine, 'queue_id', ids))
    .returning(['queue_id', 'events'])
    .execute();
  // A row of keys goes with its newest message, the last that it leads to.
  const keys = gone.flatMap((row) =>
    eventsOf([row])
      .events.flatMap(keysOf)
      .map((key) => [key, byTime(row.queue_id)] as const),
  );
  await deleteEach(db, engine, 'trace_keys', { key: KEYS.key, id_by_time: KEYS.id_by_time }, keys);
  return ids.length;
}

/** At most `batch`, and fewer where they are large. */
async function oldest(db: Kysely<TraceTables>, shard: number, before: number, batch: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('trace_events')
    .select(['queue_id', sql<number>`sum(length(events))`.as('size')])
    .where('queue_id', '>=', encode(shard, 0, new Uint8Array(9)))
    .where('queue_id', '<', encode(shard, before, new Uint8Array(9)))
    .groupBy('queue_id')
    .orderBy('queue_id')
    .limit(batch)
    .execute();
  const ids: string[] = [];
  let total = 0;
  for (const { queue_id, size } of rows) {
    total += Number(size);
    if (total > EXPIRE_SIZE && ids.length > 0) break;
    ids.push(queue_id);
  }
  return ids;
}

async function takeTurns(db: Transaction<TraceTables>, engine: Engine): Promise<void> {
  if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db);
}
