// The thread that owns one SQLite database: statements come in as messages, so that an fsync never blocks the event loop.
// Every COMMIT is on the disk when it is answered (WAL with synchronous=FULL).
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { blockThread } from '#shared/telemetry/clock.ts';

export interface Statement {
  readonly sql: string;
  /** Values; or arrays of values, for each of which the statement is run (in a transaction, or a failure leaves half). */
  readonly parameters: readonly unknown[];
}

export interface StatementRequest {
  readonly seq: number;
  /** Run in order, up to the first that fails. */
  readonly statements: readonly Statement[];
}

export interface StatementResult {
  /** Names of the values of each row: sent once, for each row's names would cost more than its values. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly changes: number;
}

export interface StatementReply {
  readonly seq: number;
  readonly results?: readonly StatementResult[];
  /** `errcode` is SQLite's extended result code. */
  readonly error?: { readonly message: string; readonly code?: string | undefined; readonly errcode?: number | undefined };
}

/** Milliseconds that a statement waits for another process's transaction. */
const BUSY_TIMEOUT = 15_000;
/** Primary result code: somebody else has the lock. */
const SQLITE_BUSY = 5;
const TRY_AGAIN = 10;
const PREPARED = 200;
/** Octets from which a value changes hands instead of being copied, which costs as much as that. */
const LARGE = 65_536;

if (!parentPort) throw new Error('sqlite-worker.ts runs as a worker thread');
const port = parentPort;
const { file, readOnly } = workerData as { file: string; readOnly: boolean };
const database = openDatabase(file);
interface Prepared {
  readonly statement: StatementSync;
  readonly columns: readonly string[];
}

let expression = { source: '', compiled: /(?:)/ };
const prepared = new Map<string, Prepared>();

port.on('message', (request: StatementRequest | null) => {
  if (request) {
    const reply = answer(request);
    port.postMessage(reply, largeValues(reply));
  } else {
    database.close();
    port.close();
  }
});

function openDatabase(file: string): DatabaseSync {
  // SQLite gives its WAL the mode of the database: nobody else reads mail.
  closeSync(openSync(file, 'a', 0o600));
  const opened = new DatabaseSync(file, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true });
  turnToWal(opened);
  opened.exec('PRAGMA synchronous=FULL');
  if (readOnly) opened.exec('PRAGMA query_only=ON');
  opened.function('regexp', { deterministic: true }, matches);
  return opened;
}

/** Of processes that open a new database together one turns it, and SQLite refuses the others at once, whatever the timeout. */
function turnToWal(opened: DatabaseSync): void {
  for (const until = performance.now() + BUSY_TIMEOUT; ; ) {
    try {
      return opened.exec('PRAGMA journal_mode=WAL');
    } catch (error) {
      const { errcode = 0 } = error as { errcode?: number };
      if ((errcode & 0xff) !== SQLITE_BUSY || performance.now() > until) throw error;
      blockThread(TRY_AGAIN);
    }
  }
}

/** `text REGEXP pattern`, which SQLite leaves to its user: JavaScript's expressions. */
function matches(pattern: SQLOutputValue, text: SQLOutputValue): number {
  if (typeof pattern !== 'string' || typeof text !== 'string') return 0;
  if (pattern !== expression.source) expression = { source: pattern, compiled: new RegExp(pattern) };
  return expression.compiled.test(text) ? 1 : 0;
}

function answer({ seq, statements }: StatementRequest): StatementReply {
  try {
    return { seq, results: statements.map(run) };
  } catch (error) {
    const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
    return { seq, error: { message, code, errcode } };
  }
}

/** The memory of large values: each is its row's alone. */
function largeValues({ results = [] }: StatementReply): ArrayBuffer[] {
  const large: ArrayBuffer[] = [];
  for (const { rows } of results)
    for (const row of rows) for (const value of row) if (value instanceof Uint8Array && value.byteLength >= LARGE) large.push(value.buffer as ArrayBuffer);
  return large;
}

function run({ sql, parameters }: Statement): StatementResult {
  // Kysely rolls back after any error; SQLite may have done so itself (disk full, for one).
  if (sql === 'rollback' && !database.isTransaction) return changed(0);
  const { statement, columns } = prepare(sql);
  if (Array.isArray(parameters[0])) return changed(runEach(statement, parameters as readonly (readonly SQLInputValue[])[]));
  const values = parameters as readonly SQLInputValue[];
  if (columns.length > 0) return found(statement, columns, statement.all(...values) as unknown as unknown[][]);
  return changed(Number(statement.run(...values).changes));
}

function found(statement: StatementSync, columns: readonly string[], rows: readonly (readonly unknown[])[]): StatementResult {
  // `select *` has other columns once a table was altered.
  const same = rows[0] === undefined || rows[0].length === columns.length;
  return { columns: same ? columns : namesOf(statement), rows, changes: 0 };
}

function changed(changes: number): StatementResult {
  return { columns: [], rows: [], changes };
}

function runEach(statement: StatementSync, rows: readonly (readonly SQLInputValue[])[]): number {
  let changes = 0;
  for (const row of rows) changes += Number(statement.run(...row).changes);
  return changes;
}

function prepare(sql: string): Prepared {
  const known = prepared.get(sql);
  if (known) prepared.delete(sql);
  const statement = known ?? prepareNew(sql);
  prepared.set(sql, statement);
  if (prepared.size > PREPARED) {
    for (const [oldest] of prepared) {
      prepared.delete(oldest);
      break;
    }
  }
  return statement;
}

function prepareNew(sql: string): Prepared {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return { statement, columns: namesOf(statement) };
}

function namesOf(statement: StatementSync): readonly string[] {
  return statement.columns().map(({ name }) => name);
}
