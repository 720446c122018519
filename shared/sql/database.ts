// A SQL database for the stores that keep one: SQLite in a file, or PostgreSQL by URL, behind the same Kysely interface.
// Opening runs the migrations under a lock. Fails as the database fails; `isDiskFull` and `isRefusedByData` tell why.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import { Pool, types } from 'pg';
import type { Logger } from '#shared/telemetry/log.ts';
import { type Migration, migrate } from './migrate.ts';
import { SqliteError, sqliteDialect } from './sqlite-dialect.ts';

export type Engine = 'sqlite' | 'postgres';

export interface Database<Schema> {
  readonly db: Kysely<Schema>;
  /** For queries that should not wait behind transactions: on SQLite a connection and thread of its own, which see what is committed. */
  readonly reader: Kysely<Schema>;
  /** For queries that may take long, of which nobody else's may wait: on SQLite one more connection and thread. */
  readonly searcher: Kysely<Schema>;
  readonly engine: Engine;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** postgres:// URL; without it SQLite in `file`. */
  readonly url?: string | undefined;
  readonly file: string;
  /** The store's name: each store numbers its own migrations. */
  readonly store: string;
  readonly migrations: readonly Migration[];
  readonly log?: Logger | undefined;
}

const INT8 = 20;
/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000;
const STATEMENT_TIMEOUT = 30_000;
const CONNECTIONS = 10;

/** Opens the database and brings its tables up to date. Throws when it cannot be reached or is newer than this code. */
export async function openDatabase<Schema>(options: DatabaseOptions): Promise<Database<Schema>> {
  const engine: Engine = options.url ? 'postgres' : 'sqlite';
  if (!options.url) await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
  const dialect = options.url ? postgresDialect(options.url, options.log) : sqliteDialect(options.file);
  const db = new Kysely<Schema>({ dialect });
  try {
    await migrate(db, engine, options.store, options.migrations);
    // Its thread starts with the first query.
    const another = () => (options.url ? db : new Kysely<Schema>({ dialect: sqliteDialect(options.file, true) }));
    const [reader, searcher] = [another(), another()];
    const close = async (): Promise<void> => {
      for (const one of new Set([searcher, reader, db])) await one.destroy();
    };
    return { db, reader, searcher, engine, close };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

function postgresDialect(url: string, log: Logger | undefined): PostgresDialect {
  // What is committed is on the disk, whatever the server's default; nothing waits for a lock without end. Set by statement,
  // for a connection pooler before the server may refuse start-up options.
  const settings = ['synchronous_commit = on', `statement_timeout = ${STATEMENT_TIMEOUT}`, `idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT}`];
  return new PostgresDialect({
    pool: postgresPool(url, log),
    onCreateConnection: async (connection) => {
      for (const setting of settings) await connection.executeQuery(CompiledQuery.raw(`set ${setting}`));
    },
  });
}

function postgresPool(url: string, log: Logger | undefined): Pool {
  const pool = new Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    // bigint as a number: ids, sizes and milliseconds stay below 2^53.
    types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === INT8 ? Number : types.getTypeParser(oid, format as 'text')) },
  });
  pool.on('error', (error) => log?.warn({ err: error }, 'an idle PostgreSQL connection broke'));
  // One in use tells its query as well; a connection that ends between two statements has nobody else to tell.
  pool.on('connect', (client) => client.on('error', (error) => log?.warn({ err: error }, 'a PostgreSQL connection broke')));
  return pool;
}

const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;
const SQLITE_TOOBIG = 18;
const SQLITE_MISMATCH = 20;

/** The disk under the database is full. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof SqliteError) return primary(error) === SQLITE_FULL;
  return sqlState(error).startsWith('53100');
}

/** The transaction was ended for another's sake: run again, it may succeed. */
export function isDeadlock(error: unknown): boolean {
  return sqlState(error) === '40P01';
}

/** The values of one statement were refused: the same statement with other values may succeed. */
export function isRefusedByData(error: unknown): boolean {
  if (error instanceof SqliteError) return [SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH].includes(primary(error) ?? 0);
  return /^2[123]/.test(sqlState(error));
}

function primary(error: SqliteError): number | undefined {
  return error.errcode === undefined ? undefined : error.errcode & 0xff;
}

function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
