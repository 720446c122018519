// The trace in SQL: what became of every message, for trace.keep. SQLite in data_dir, or PostgreSQL, where several may write.
// Writing is idempotent by shard, stream id and place. Fails as the database fails; the stream keeps what could not be written.
import { join } from 'node:path';
import { CompiledQuery, type Kysely, sql, type Transaction } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import { type Engine, openDatabase } from '#shared/sql/database.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { encode, type QueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import { migrations, type TraceTables } from './schema.ts';
import { addressKey, messageIdKey, rowsOf, type StreamEntry } from './trace-rows.ts';

export type TraceKey = { readonly id: QueueId } | { readonly address: string } | { readonly messageId: string };

/** One message's life, as far as it is written. */
export interface MessageTrace {
  readonly id: QueueId;
  readonly at: number;
  readonly sender: string;
  readonly messageId: string | null;
  /** Of a DSN: the message that it reports. */
  readonly parent: QueueId | null;
  /** In the order in which they were committed. */
  readonly events: readonly TraceEvent[];
}

export interface TraceStore {
  /** Writes entries of the stream; returns how many events were new, and how many values could not be read. */
  write(entries: readonly StreamEntry[]): Promise<{ readonly added: number; readonly damaged: number }>;
  /**
   * Newest first, at most `limit` messages. By id: the message, what it reports and the DSNs about it, in the order in which
   * one led to the other.
   */
  find(key: TraceKey, limit: number): Promise<readonly MessageTrace[]>;
  /** Deletes at most `batch` messages of this shard received before `before`; returns how many. */
  expire(shard: number, before: number, batch: number): Promise<number>;
  close(): Promise<void>;
}

export interface TraceStoreOptions {
  /** postgres:// URL; without it SQLite in `dataDir`. */
  readonly database?: string | undefined;
  readonly dataDir: string;
  readonly log?: Logger;
}

const MESSAGES = ['queue_id', 'at', 'message_id', 'sender', 'parent'] as const;
const RECIPIENTS = ['queue_id', 'address'] as const;
const EVENTS = ['queue_id', 'stream_ms', 'stream_seq', 'position', 'at', 'kind', 'detail'] as const;
/** Rows of one statement. */
const CHUNKS = [500, 100, 10, 1] as const;
/** Collectors of several processes take turns, so that their rows never wait for each other crosswise. */
const LOCK = 192016156;
/** How far a DSN about a DSN is followed. */
const GENERATIONS = 3;

/** Opens the store and brings its tables up to date. Throws when the database is away or newer than this code. */
export async function openTraceStore({ database, dataDir, log }: TraceStoreOptions): Promise<TraceStore> {
  const { db, engine, close } = await openDatabase<TraceTables>({ url: database, file: join(dataDir, 'trace.sqlite'), store: 'trace', migrations, log });
  return {
    close,
    find: (key, limit) => find(db, engine, key, limit),
    expire: (shard, before, batch) => expire(db, engine, shard, before, batch),
    async write(entries) {
      const { events, messages, recipients, damaged } = rowsOf(entries);
      const added = await db.transaction().execute(async (transaction) => {
        if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction);
        await insertNew(transaction, engine, 'trace_messages', MESSAGES, messages);
        await insertNew(transaction, engine, 'trace_recipients', RECIPIENTS, recipients);
        return insertNew(transaction, engine, 'trace_events', EVENTS, events);
      });
      return { added, damaged };
    },
  };
}

/** Inserts what is not there yet; returns how many rows that was. Rows travel as parameters: a third of the cost of one JSON text. */
async function insertNew<Row extends object>(
  db: Transaction<TraceTables>,
  engine: Engine,
  table: keyof TraceTables,
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
): Promise<number> {
  let added = 0;
  for (let from = 0; from < rows.length; ) {
    // Few sizes, so that few statements are prepared.
    const size = CHUNKS.find((chunk) => chunk <= rows.length - from) ?? 1;
    const values = rows.slice(from, from + size).flatMap((row) => columns.map((column) => row[column]));
    const { numAffectedRows = 0n } = await db.executeQuery(CompiledQuery.raw(insertStatement(engine, table, columns, size), values));
    added += Number(numAffectedRows);
    from += size;
  }
  return added;
}

function insertStatement(engine: Engine, table: string, columns: readonly string[], rows: number): string {
  const place = (row: number, column: number) => (engine === 'postgres' ? `$${row * columns.length + column + 1}` : '?');
  const tuples = Array.from({ length: rows }, (_, row) => `(${columns.map((_name, column) => place(row, column)).join(',')})`);
  return `insert into ${table} (${columns.join(',')}) values ${tuples.join(',')} on conflict do nothing`;
}

async function find(db: Kysely<TraceTables>, engine: Engine, key: TraceKey, limit: number): Promise<readonly MessageTrace[]> {
  const ids = 'id' in key ? await family(db, engine, key.id) : await idsOf(db, key, limit);
  const wanted = ids.slice(0, limit);
  const [messages, events] = await Promise.all([
    db
      .selectFrom('trace_messages')
      .selectAll()
      .where(isOneOf(engine, 'queue_id', wanted))
      .execute(),
    db
      .selectFrom('trace_events')
      .selectAll()
      .where(isOneOf(engine, 'queue_id', wanted))
      .orderBy('stream_ms')
      .orderBy('stream_seq')
      .orderBy('position')
      .execute(),
  ]);
  const known = new Map(messages.map((message) => [message.queue_id, message]));
  const told = Map.groupBy(events, (event) => event.queue_id);
  return wanted.flatMap((id) => {
    const message = known.get(id);
    const rows = told.get(id) ?? [];
    if (!message && rows.length === 0) return [];
    const { sender = '', message_id = null, parent = null } = message ?? {};
    return {
      id: id as QueueId,
      at: message?.at ?? rows[0]?.at ?? 0,
      sender,
      messageId: message_id,
      parent: parent as QueueId | null,
      events: rows.map(eventOf),
    };
  });
}

function eventOf({ queue_id, at, kind, detail }: TraceTables['trace_events']): TraceEvent {
  return { id: queue_id as QueueId, at, kind: kind as TraceEvent['kind'], detail: JSON.parse(detail) as TraceEvent['detail'] };
}

/** Newest first. */
async function idsOf(db: Kysely<TraceTables>, key: Exclude<TraceKey, { id: QueueId }>, limit: number): Promise<readonly string[]> {
  // The shard comes before the time in an id; without it ids sort by time.
  const newest = sql`substr(queue_id, 2) desc`;
  const messages = db.selectFrom('trace_messages').select('queue_id').orderBy(newest).limit(limit);
  if ('messageId' in key) return (await messages.where('message_id', '=', messageIdKey(key.messageId)).execute()).map(({ queue_id }) => queue_id);
  const address = addressKey(key.address);
  const received = db.selectFrom('trace_recipients').select('queue_id').where('address', '=', address).orderBy(newest).limit(limit);
  const rows = [...(await received.execute()), ...(address === '' ? [] : await messages.where('sender', '=', address).execute())];
  return [...new Set(rows.map(({ queue_id }) => queue_id))].sort((a, b) => (a.slice(1) < b.slice(1) ? 1 : -1));
}

/** What the message reports, itself, and the DSNs about it. */
async function family(db: Kysely<TraceTables>, engine: Engine, id: QueueId): Promise<readonly string[]> {
  const above: string[] = [];
  for (let child: string = id; above.length < GENERATIONS; ) {
    const row = await db.selectFrom('trace_messages').select('parent').where('queue_id', '=', child).executeTakeFirst();
    if (!row?.parent || above.includes(row.parent)) break;
    above.unshift(row.parent);
    child = row.parent;
  }
  const below: string[] = [];
  for (let [parents, depth]: [readonly string[], number] = [[id], 0]; parents.length > 0 && depth < GENERATIONS; depth++) {
    const rows = await db
      .selectFrom('trace_messages')
      .select('queue_id')
      .where(isOneOf(engine, 'parent', parents))
      .orderBy('at')
      .limit(1000)
      .execute();
    parents = rows.map(({ queue_id }) => queue_id);
    below.push(...parents);
  }
  return [...new Set([...above, id, ...below])];
}

async function expire(db: Kysely<TraceTables>, engine: Engine, shard: number, before: number, batch: number): Promise<number> {
  const first = encode(shard, 0, new Uint8Array(9));
  const end = encode(shard, before, new Uint8Array(9));
  return db.transaction().execute(async (transaction) => {
    const old = await transaction
      .selectFrom('trace_events')
      .select('queue_id')
      .distinct()
      .where('queue_id', '>=', first)
      .where('queue_id', '<', end)
      .orderBy('queue_id')
      .limit(batch)
      .execute();
    const ids = old.map(({ queue_id }) => queue_id);
    if (ids.length === 0) return 0;
    for (const table of ['trace_events', 'trace_recipients', 'trace_messages'] as const) {
      await transaction
        .deleteFrom(table)
        .where(isOneOf(engine, 'queue_id', ids))
        .execute();
    }
    return ids.length;
  });
}
