// The trace's tables as TypeScript, and the migrations that make them: one schema for SQLite and PostgreSQL.
// Queue ids begin with shard and time, so each key is appended to and what is old is a range. Times are milliseconds since the epoch.
import { sql } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

export interface TraceTables {
  trace_messages: TraceMessagesTable;
  trace_recipients: TraceRecipientsTable;
  trace_events: TraceEventsTable;
}

/** What a message is found by; made from its `received` event. */
export interface TraceMessagesTable {
  queue_id: string;
  at: number;
  /** Without angle brackets. */
  message_id: string | null;
  /** Lower case; empty for the null reverse-path. */
  sender: string;
  /** Of a DSN: the message that it reports. */
  parent: string | null;
}

/** Envelope recipients and what they expanded to, in lower case. */
export interface TraceRecipientsTable {
  queue_id: string;
  address: string;
}

/** One event. Its shard (the first character of the queue id), stream id and place in that entry make it unique. */
export interface TraceEventsTable {
  queue_id: string;
  /** The stream id's two halves, so that it sorts as a number. */
  stream_ms: number;
  stream_seq: number;
  position: number;
  at: number;
  kind: string;
  /** JSON. */
  detail: string;
}

export const migrations: readonly Migration[] = [createTables];

async function createTables(...[db, engine]: Parameters<Migration>): Promise<void> {
  // Ids are compared byte by byte whatever the database's language, and in SQLite a row lives in its key.
  const text = sql.raw(engine === 'postgres' ? 'text collate "C"' : 'text');
  const inKey = sql.raw(engine === 'postgres' ? '' : 'without rowid');
  await sql`create table trace_messages (queue_id ${text} not null primary key, at bigint not null, message_id text, sender text not null, parent ${text}) ${inKey}`.execute(
    db,
  );
  await sql`create index trace_messages_by_message_id on trace_messages (message_id, queue_id) where message_id is not null`.execute(db);
  await sql`create index trace_messages_by_sender on trace_messages (sender, queue_id) where sender <> ''`.execute(db);
  await sql`create index trace_messages_by_parent on trace_messages (parent) where parent is not null`.execute(db);
  await sql`create table trace_recipients (queue_id ${text} not null, address text not null, primary key (queue_id, address)) ${inKey}`.execute(db);
  await sql`create index trace_recipients_by_address on trace_recipients (address, queue_id)`.execute(db);
  await sql`create table trace_events (queue_id ${text} not null, stream_ms bigint not null, stream_seq bigint not null, position integer not null,
    at bigint not null, kind text not null, detail text not null, primary key (queue_id, stream_ms, stream_seq, position)) ${inKey}`.execute(db);
}
