// A Kysely dialect over node:sqlite in a worker thread: one connection, transactions one after another.
// Owns the thread; fails each call with the thread's error once it has died.
import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { StatementReply, StatementRequest } from './sqlite-worker.ts';

export class SqliteError extends Error {
  override readonly name = 'SqliteError';
  /** SQLite's extended result code, when SQLite itself refused. */
  readonly errcode: number | undefined;

  constructor(message: string, errcode?: number) {
    super(message);
    this.errcode = errcode;
  }
}

/** The dialect for the database in `file`, which is made when missing. `readOnly`: writing is refused. */
export function sqliteDialect(file: string, readOnly = false): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => createDriver(file, readOnly),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

function createDriver(file: string, readOnly: boolean): Driver {
  let thread: SqliteThread | undefined;
  let connection: DatabaseConnection | undefined;
  let turn: Promise<void> = Promise.resolve();
  let release: () => void = () => {};

  return {
    async init() {
      thread = startThread(file, readOnly);
      connection = connectionTo(thread);
    },
    // One connection: everybody waits for their turn.
    async acquireConnection() {
      const before = turn;
      const { promise, resolve } = Promise.withResolvers<void>();
      turn = before.then(() => promise);
      await before;
      release = resolve;
      if (!connection) throw new SqliteError('the database is closed');
      return connection;
    },
    async releaseConnection() {
      release();
    },
    // A transaction takes the write lock at once: a reader that turns writer could fail half-way with SQLITE_BUSY.
    beginTransaction: async (held) => void (await held.executeQuery(CompiledQuery.raw('begin immediate'))),
    commitTransaction: async (held) => void (await held.executeQuery(CompiledQuery.raw('commit'))),
    rollbackTransaction: async (held) => void (await held.executeQuery(CompiledQuery.raw('rollback'))),
    async destroy() {
      await thread?.close();
      thread = undefined;
    },
  };
}

function connectionTo(thread: SqliteThread): DatabaseConnection {
  return {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const { rows = [], changes } = await thread.run(sql, parameters);
      return { rows: rows as R[], ...(changes !== undefined && { numAffectedRows: BigInt(changes) }) };
    },
    // biome-ignore lint/correctness/useYield: the interface asks for a generator
    async *streamQuery() {
      throw new SqliteError('streaming is not supported');
    },
  };
}

interface SqliteThread {
  run(sql: string, parameters: readonly unknown[]): Promise<StatementReply>;
  /** Closes the database and ends the thread. */
  close(): Promise<void>;
}

function startThread(file: string, readOnly: boolean): SqliteThread {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: { file, readOnly } });
  const waiting = new Map<number, PromiseWithResolvers<StatementReply>>();
  let seq = 0;
  let dead: Error | null = null;
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      fail(dead ?? new SqliteError('the database thread has ended'));
      resolve();
    });
  });
  function fail(error: Error): void {
    dead = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }
  worker.on('error', fail);
  worker.on('message', (reply: StatementReply) => {
    const asked = waiting.get(reply.seq);
    waiting.delete(reply.seq);
    if (waiting.size === 0) worker.unref();
    if (reply.error) asked?.reject(new SqliteError(reply.error.message, reply.error.errcode));
    else asked?.resolve(reply);
  });
  worker.unref();
  return {
    run(sql, parameters) {
      if (dead) return Promise.reject(dead);
      const reply = Promise.withResolvers<StatementReply>();
      waiting.set(++seq, reply);
      worker.ref();
      worker.postMessage({ seq, sql, parameters } satisfies StatementRequest);
      return reply.promise;
    },
    async close() {
      worker.ref();
      worker.postMessage(null);
      await exited;
    },
  };
}
