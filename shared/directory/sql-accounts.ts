// Accounts that are made while Stafette runs (`stafette account`), beside those of the configuration: one table in the mail store's
// database. Owns the connection. Fails as the database fails.
import { isOneOf } from '#shared/sql/bulk.ts';
import { type DatabaseOptions, openDatabase } from '#shared/sql/database.ts';
import type { Migration } from '#shared/sql/migrate.ts';

export interface StoredAccount {
  /** The canonical address. */
  readonly address: string;
  /** As `hashPassword` makes it; null: nobody can log in. */
  readonly passwordHash: string | null;
  /** 1: the mail store has a quota of its own for it, which RCPT asks for; 0: none. */
  readonly limited: 0 | 1;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface SqlAccounts {
  /** Those of these canonical addresses that are there. */
  find(addresses: readonly string[]): Promise<readonly StoredAccount[]>;
  /** All of them, by address. */
  list(): Promise<readonly StoredAccount[]>;
  /** False when the address is taken. */
  add(account: StoredAccount): Promise<boolean>;
  /** False when there is no such account. */
  setPassword(address: string, passwordHash: string): Promise<boolean>;
  /** False when there is no such account. */
  setLimited(address: string, limited: 0 | 1): Promise<boolean>;
  /** False when there was none. */
  remove(address: string): Promise<boolean>;
  close(): Promise<void>;
}

interface Tables {
  directory_accounts: { address: string; password_hash: string | null; limited: 0 | 1; created_at: number };
}

export const migrations: readonly Migration[] = [createAccounts];

async function createAccounts(...[db]: Parameters<Migration>): Promise<void> {
  await db.schema
    .createTable('directory_accounts')
    .addColumn('address', 'text', (column) => column.primaryKey())
    .addColumn('password_hash', 'text')
    .addColumn('limited', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
}

const COLUMNS = ['address', 'password_hash as passwordHash', 'limited', 'created_at as createdAt'] as const;

/** Opens the table in the database given. Throws when it is away or newer than this code. */
export async function openSqlAccounts(options: Pick<DatabaseOptions, 'url' | 'file' | 'log'>): Promise<SqlAccounts> {
  const { db, engine, close } = await openDatabase<Tables>({ ...options, store: 'directory', migrations });
  return {
    find: (addresses) =>
      db
        .selectFrom('directory_accounts')
        .select(COLUMNS)
        .where(isOneOf(engine, 'address', addresses))
        .execute(),
    list: () => db.selectFrom('directory_accounts').select(COLUMNS).orderBy('address').execute(),
    async add({ address, passwordHash, limited, createdAt }) {
      const row = { address, password_hash: passwordHash, limited, created_at: createdAt };
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('directory_accounts')
        .values(row)
        .onConflict((conflict) => conflict.column('address').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async setPassword(address, passwordHash) {
      const { numUpdatedRows } = await db
        .updateTable('directory_accounts')
        .set({ password_hash: passwordHash })
        .where('address', '=', address)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async setLimited(address, limited) {
      const { numUpdatedRows } = await db.updateTable('directory_accounts').set({ limited }).where('address', '=', address).executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async remove(address) {
      const { numDeletedRows } = await db.deleteFrom('directory_accounts').where('address', '=', address).executeTakeFirst();
      return numDeletedRows === 1n;
    },
    close,
  };
}
