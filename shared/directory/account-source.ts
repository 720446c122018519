// The accounts of the database as the directory asks for them: opened when first needed, kept for some seconds, many in one query.
// Owns the database once it is open. What can fail: the database; the caller answers "try again later", and the next call opens it anew.
import type { DatabaseOptions } from '#shared/sql/database.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { createBatchedCache } from './batched-cache.ts';
import type { SqlAccounts, StoredAccount } from './sql-accounts.ts';

export interface AccountSource {
  /** The account with this canonical address, or null; at once when it was asked for within seconds. */
  find(address: string): StoredAccount | null | Promise<StoredAccount | null>;
}

export type OpenAccountSource = AccountSource & { close(): Promise<void> };

export interface AccountSourceOptions extends Pick<DatabaseOptions, 'url' | 'file' | 'log'> {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds after which a change shows. */
  readonly life?: number;
}

/** A source that opens its database at the first question: a relay without local domains never does. */
export function createAccountSource({ clock, life, ...database }: AccountSourceOptions): OpenAccountSource {
  let opening: Promise<SqlAccounts> | null = null;
  // Imported only where it is used: its database library is not small.
  const open = async (): Promise<SqlAccounts> => (await import('./sql-accounts.ts')).openSqlAccounts(database);
  const opened = (): Promise<SqlAccounts> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const load = async (addresses: readonly string[]) => {
    const store = await opened();
    return new Map((await store.find(addresses)).map((account) => [account.address, account]));
  };
  const cache = createBatchedCache<StoredAccount>({ load, clock, ...(life !== undefined && { life }) });
  return {
    find: (address) => cache.get(address),
    close: async () => (await opening)?.close(),
  };
}
