// The stores that commands work on directly, whether Stafette runs or not: the accounts, and the mail store. Owns what it opened.
// What can fail: a database away, a data_dir that belongs to somebody else; each is a CommandError of one line.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#shared/config/schema.ts';
import { openSqlAccounts, type SqlAccounts, type StoredAccount } from '#shared/directory/sql-accounts.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { CommandError } from './usage-error.ts';

export type Opened<T> = T & AsyncDisposable;

/** The accounts of the database. */
export async function openAccounts({ data_dir, mailstore }: Config): Promise<Opened<SqlAccounts>> {
  return closing(await opening('the accounts', data_dir, () => openSqlAccounts({ url: mailstore.database, file: join(data_dir, 'mail.sqlite') })));
}

/** The accounts of the database, without making it where there is none yet. */
export async function storedAccounts(config: Config): Promise<readonly StoredAccount[]> {
  if (config.mailstore.database === undefined && !existsSync(join(config.data_dir, 'mail.sqlite'))) return [];
  await using accounts = await openAccounts(config);
  return await accounts.list();
}

/** The mail store, beside the services that use it. */
export async function openMail({ data_dir, mailstore, queue }: Config): Promise<Opened<Mailstore>> {
  const { database, quota, quota_messages: quotaMessages } = mailstore;
  return closing(
    await opening('the mail store', data_dir, () =>
      openMailstore({ database, dataDir: data_dir, quota, quotaMessages, minFree: queue.min_free, clock: systemClock }),
    ),
  );
}

async function opening<T>(what: string, dataDir: string, open: () => Promise<T>): Promise<T> {
  refuseForeign(dataDir);
  // Whatever we create is ours alone, as it is the service's.
  process.umask(0o077);
  try {
    return await open();
  } catch (error) {
    throw new CommandError(`${what} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
}

/** What another user makes in data_dir, root above all, the service could not write any more. */
function refuseForeign(dataDir: string): void {
  const owner = statSync(dataDir, { throwIfNoEntry: false })?.uid;
  const us = process.getuid?.();
  if (owner !== undefined && us !== undefined && owner !== us)
    throw new CommandError(`data_dir ${dataDir} belongs to user ${owner}: run this as that user, such as with sudo -u '#${owner}'`);
}

function closing<T extends { close(): Promise<void> }>(store: T): Opened<T> {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}
