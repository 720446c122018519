// Opens the mail store: index in SQL, content beside it in segment files, written and synced before the rows that name it.
// Fails with SpoolFullError when its disk is full; a database that is away is any other error, and the call may be repeated.
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import type { Connector } from '#shared/actor/redis.ts';
import { type ColdStore, ContentMissingError, wholeOf } from '#shared/spool/cold-store.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import { shareCommits } from '#shared/spool/shared-commit.ts';
import { isOneOf } from '#shared/sql/bulk.ts';
import { type Database, isRefusedByData, openDatabase } from '#shared/sql/database.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { createAccounts, hasAccount, listAccounts, removeAccount, roomOf } from './accounts.ts';
import { checkStore } from './check-store.ts';
import { type Filing, fileBatch } from './filing.ts';
import { forgetOld } from './housekeeping.ts';
import { mailboxName } from './mailbox-names.ts';
import type { DeliveryResult, Mailstore } from './mailstore.ts';
import { createNotifier } from './notifier.ts';
import { openAccount } from './open-account.ts';
import { type MailstoreTables, migrations } from './schema.ts';
import { assertFresh, storeContent } from './store-content.ts';
import { change, type QuotaLimits, type StoreContext } from './store-context.ts';
import { createStoredSnapshots } from './stored-snapshots.ts';
import { startTextIndexer } from './text-indexer.ts';

/** Deliveries in one transaction, one more for each so many characters of a message's index. */
const BATCH = 500;
const INDEX_OF_ONE = 16_384;
/** Accounts made in one transaction. */
const ACCOUNTS = 50;
/** Bytes left free for the database, which must be able to say what became of content. */
const MIN_FREE = 16 * 1024 * 1024;
const SWEEP_EVERY = 3_600_000;

export interface MailstoreOptions {
  /** postgres:// URL; without it SQLite in `dataDir`. */
  readonly database?: string | undefined;
  readonly dataDir: string;
  readonly clock: Clock;
  /** Bytes per account; 0 or absent is none. A function is asked at each delivery: a reload may change it. */
  readonly quota?: number | (() => number);
  /** Messages per account, likewise. */
  readonly quotaMessages?: number | (() => number);
  /** Bytes of disk that content leaves free; default 16 MB. */
  readonly minFree?: number;
  /** Rows that opening a mailbox must have read for its columns to be stored; default 5,000. */
  readonly snapshotFrom?: number;
  /** Carries notifications between processes; absent: watchers hear of this process only, and of others by a poll. */
  readonly redis?: { readonly connector: Connector; readonly prefix: string } | undefined;
  readonly log?: Logger | undefined;
}

/** Opens the store and brings its tables up to date. Throws when the database is away or newer than this code. */
export async function openMailstore(options: MailstoreOptions): Promise<Mailstore> {
  const { clock, dataDir, log, redis } = options;
  const database = await openDatabase<MailstoreTables>({ url: options.database, file: join(dataDir, 'mail.sqlite'), store: 'mail', migrations, log });
  const contents = await openContents(options).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const { db, reader, engine } = database;
  const notifier = createNotifier({ redis, log, modseqs: (accounts) => modseqsOf(database, accounts) });
  const quota = (): QuotaLimits => ({ bytes: limitOf(options.quota), messages: limitOf(options.quotaMessages) });
  const snapshots = createStoredSnapshots(database, log, options.snapshotFrom);
  const context: StoreContext = { database, contents, clock, log, notifier, quota, snapshots };
  const filed = shareCommits({ commit, limit: BATCH, weight: weightOf, isFaultOfOne: isRefusedByData });
  const made = shareCommits({ commit: makeAccounts, limit: ACCOUNTS, weight: () => 1, isFaultOfOne: isRefusedByData });
  const indexer = startTextIndexer(context);

  async function commit(filings: readonly Filing[]): Promise<readonly (readonly DeliveryResult[])[]> {
    return await change(context, async (changing) => {
      const results = await fileBatch(changing, { engine, now: clock.now(), quota: quota() }, filings);
      assertFresh(
        clock,
        filings.map(({ content }) => content),
      );
      return results;
    });
  }
  async function makeAccounts(addresses: readonly string[]): Promise<readonly undefined[]> {
    await createAccounts(db, addresses, clock.now());
    return addresses.map(() => undefined);
  }
  async function sweep(): Promise<{ removed: number }> {
    await forgetOld(context);
    return await contents.sweep((ids) => areKnown(database, ids));
  }
  const sweeping = setInterval(() => {
    sweep().catch((error: unknown) => log?.warn({ err: error }, 'mail store: sweep failed'));
  }, SWEEP_EVERY).unref();

  return {
    async deliver(content, _size, deliveries) {
      if (deliveries.length === 0) return [];
      const stored = await storeContent(contents, clock, content);
      const results = await filed.add({ content: stored, deliveries });
      // After an error the content stays: the rows may have been committed. The sweep knows.
      if (!results.some((result) => result.kind === 'stored' && !result.repeated)) await contents.remove(stored.location);
      return results;
    },
    async ensureAccount(address) {
      if (!(await hasAccount(reader, address))) await made.add(address);
    },
    hasAccount: (address) => hasAccount(reader, address),
    account: (address) => openAccount(context, address),
    room: (address) => roomOf(context, address),
    accounts: () => listAccounts(reader),
    removeAccount: (address) => removeAccount(context, address),
    async setQuota(address, { bytes, messages }) {
      const row = { quota_bytes: bytes, quota_messages: messages };
      return (await db.updateTable('accounts').set(row).where('address', '=', address).executeTakeFirst()).numUpdatedRows > 0n;
    },
    watch: notifier.watch,
    list: (account, mailbox) =>
      messagesOf(db, account, mailbox).select(['messages.uid', 'messages.size', 'messages.queue_id as queueId']).orderBy('messages.uid').execute(),
    async read(account, mailbox, uid) {
      const found = await messagesOf(db, account, mailbox)
        .innerJoin('contents', 'contents.id', 'messages.content_id')
        .select(['messages.own_header', 'contents.location'])
        .where('messages.uid', '=', uid)
        .executeTakeFirst();
      if (!found) throw new ContentMissingError(`no message ${uid} in ${mailbox} of ${account}`);
      return Buffer.concat([Buffer.from(found.own_header), await wholeOf(await contents.read(found.location))]);
    },
    sweep,
    check: (what = {}) => checkStore(context, what),
    async backupIndex(file) {
      if (engine === 'postgres') throw new Error('the index is in PostgreSQL: back it up with pg_dump');
      await sql`vacuum into ${file}`.execute(db);
    },
    async close() {
      clearInterval(sweeping);
      await indexer.close();
      await Promise.all([filed.settled(), made.settled(), snapshots.close()]);
      await notifier.close();
      await contents.close();
      await database.close();
    },
  };
}

const limitOf = (quota: number | (() => number) | undefined): number => (typeof quota === 'function' ? quota() : (quota ?? 0));

function weightOf({ content, deliveries }: Filing): number {
  return deliveries.length + Math.floor(content.index.length / INDEX_OF_ONE);
}

async function modseqsOf({ reader, engine }: Database<MailstoreTables>, accounts: readonly number[]) {
  return await reader
    .selectFrom('mailboxes')
    .select(['id', 'account_id', 'highestmodseq'])
    .where(isOneOf(engine, 'account_id', accounts))
    .execute();
}

function openContents({ dataDir, clock, log, minFree = MIN_FREE }: MailstoreOptions): Promise<ColdStore> {
  return openDirectoryStore({ directory: join(dataDir, 'mail'), minFree, clock, ...(log && { log }) });
}

function messagesOf(db: Kysely<MailstoreTables>, account: string, mailbox: string) {
  return db
    .selectFrom('messages')
    .innerJoin('mailboxes', 'mailboxes.id', 'messages.mailbox_id')
    .innerJoin('accounts', 'accounts.id', 'mailboxes.account_id')
    .where('accounts.address', '=', account)
    .where('mailboxes.name', '=', mailboxName(mailbox));
}

async function areKnown({ db, engine }: Database<MailstoreTables>, ids: readonly string[]): Promise<readonly boolean[]> {
  const rows = await db
    .selectFrom('contents')
    .select('id')
    .where(isOneOf(engine, 'id', ids))
    .execute();
  const known = new Set(rows.map(({ id }) => id));
  return ids.map((id) => known.has(id));
}
