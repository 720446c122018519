// The thread that owns one SQLite database: statements come in as messages, so that an fsync never blocks the event loop.
// Every COMMIT is on the disk when it is answered (WAL with synchronous=FULL).
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

export interface StatementRequest {
  readonly seq: number;
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export interface StatementReply {
  readonly seq: number;
  readonly rows?: readonly unknown[];
  readonly changes?: number;
  /** `errcode` is SQLite's extended result code. */
  readonly error?: { readonly message: string; readonly code?: string | undefined; readonly errcode?: number | undefined };
}

/** Milliseconds that a statement waits for another process's transaction. */
const BUSY_TIMEOUT = 15_000;
const PREPARED = 200;

if (!parentPort) throw new Error('sqlite-worker.ts runs as a worker thread');
const port = parentPort;
const database = openDatabase(String(workerData.file));
const prepared = new Map<string, StatementSync>();

port.on('message', (request: StatementRequest | null) => {
  if (request) port.postMessage(answer(request));
  else {
    database.close();
    port.close();
  }
});

function openDatabase(file: string): DatabaseSync {
  // SQLite gives its WAL the mode of the database: nobody else reads mail.
  closeSync(openSync(file, 'a', 0o600));
  const opened = new DatabaseSync(file, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true });
  opened.exec('PRAGMA journal_mode=WAL');
  opened.exec('PRAGMA synchronous=FULL');
  return opened;
}

function answer({ seq, sql, parameters }: StatementRequest): StatementReply {
  try {
    // Kysely rolls back after any error; SQLite may have done so itself (disk full, for one).
    if (sql === 'rollback' && !database.isTransaction) return { seq, rows: [], changes: 0 };
    const statement = prepare(sql);
    const values = parameters as readonly SQLInputValue[];
    if (statement.columns().length > 0) return { seq, rows: statement.all(...values) };
    return { seq, rows: [], changes: Number(statement.run(...values).changes) };
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
    return { seq, error: { message, code, errcode } };
  }
}

function prepare(sql: string): StatementSync {
  const known = prepared.get(sql);
  if (known) prepared.delete(sql);
  const statement = known ?? database.prepare(sql);
  prepared.set(sql, statement);
  if (prepared.size > PREPARED) {
    for (const [oldest] of prepared) {
      prepared.delete(oldest);
      break;
    }
  }
  return statement;
}
