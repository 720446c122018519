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
import type { Statement, StatementReply, StatementRequest, StatementResult } from './sqlite-worker.ts';

export class SqliteError extends Error {
  override readonly name = 'SqliteError';
  /** SQLite's extended result code, when SQLite itself refused. */
  readonly errcode: number | undefined;

  constructor(message: string, errcode?: number) {
    super(message);
    this.errcode = errcode;
  }
}

const TOGETHER = 'together';

/** Statements that go to the thread in one message, and run in order up to the first that fails; the result has a row for each: its rows. */
export function together(statements: readonly CompiledQuery[]): CompiledQuery {
  return CompiledQuery.raw(TOGETHER, [...statements]);
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
      if (sql === TOGETHER) {
        const statements = (parameters as readonly CompiledQuery[]).map((each) => ({ sql: each.sql, parameters: each.parameters }));
        return { rows: (await thread.run(statements)).map(objectsOf) as R[] };
      }
      const [result] = await thread.run([{ sql, parameters }]);
      return result ? { rows: objectsOf(result) as R[], numAffectedRows: BigInt(result.changes) } : { rows: [] };
    },
    // biome-ignore lint/correctness/useYield: the interface asks for a generator
    async *streamQuery() {
      throw new SqliteError('streaming is not supported');
    },
  };
}

function objectsOf({ columns, rows }: StatementResult): Record<string, unknown>[] {
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at++) row[columns[at] as string] = values[at];
    return row;
  });
}

interface SqliteThread {
  run(statements: readonly Statement[]): Promise<readonly StatementResult[]>;
  /** Closes the database and ends the thread. */
  close(): Promise<void>;
}

function startThread(file: string, readOnly: boolean): SqliteThread {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: { file, readOnly } });
  const waiting = new Map<number, PromiseWithResolvers<readonly StatementResult[]>>();
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
    else asked?.resolve(reply.results ?? []);
  });
  worker.unref();
  return {
    run(statements) {
      if (dead) return Promise.reject(dead);
      const reply = Promise.withResolvers<readonly StatementResult[]>();
      waiting.set(++seq, reply);
      worker.ref();
      worker.postMessage({ seq, statements } satisfies StatementRequest);
      return reply.promise;
    },
    async close() {
      worker.ref();
      worker.postMessage(null);
      await exited;
    },
  };
}
