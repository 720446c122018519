// The trace's tables as TypeScript, and the migrations that make them: one schema for SQLite and PostgreSQL.
// Made to be written cheaply: a message and round of the collector is one row of events and a few keys, and nothing else is indexed.
import { sql } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

export interface TraceTables {
  trace_events: TraceEventsTable;
  trace_keys: TraceKeysTable;
}

/**
 * What one round of a collector read about one message. Rows that begin at the same place of the stream are prefixes of each
 * other, and rounds that differ may overlap: readers take each line once, by its place.
 */
export interface TraceEventsTable {
  queue_id: string;
  /** The stream id at which the row begins, its two halves so that it sorts as a number. */
  stream_ms: number;
  stream_seq: number;
  /** Lines (trace-rows.ts). */
  events: string;
}

/** What messages are found by (trace-keys.ts): a key, and messages of one shard that have it. */
export interface TraceKeysTable {
  key: string;
  /** The newest: its queue id with the shard at the end, which sorts by time over all shards. */
  id_by_time: string;
  /** Others of the same round, in the same form, one after another; some may be there twice. */
  others: string;
}

export const migrations: readonly Migration[] = [createTables];

async function createTables(...[db, engine]: Parameters<Migration>): Promise<void> {
  // Compared byte by byte whatever the database's language.
  const text = sql.raw(engine === 'postgres' ? 'text collate "C"' : 'text');
  // In SQLite the small rows live in their key; for those of 1 KB that costs more than it saves, as they overflow its pages.
  const inKey = sql.raw(engine === 'postgres' ? '' : 'without rowid');
  await sql`create table trace_events (queue_id ${text} not null, stream_ms bigint not null, stream_seq bigint not null, events text not null,
    primary key (queue_id, stream_ms, stream_seq))`.execute(db);
  await sql`create table trace_keys (key ${text} not null, id_by_time ${text} not null, others text not null, primary key (key, id_by_time)) ${inKey}`.execute(
    db,
  );
}
