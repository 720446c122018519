// Opens the mail store: index in SQL, content beside it in segment files, written and synced before the rows that name it.
// Fails with SpoolFullError when its disk is full; a database that is away is any other error, and the call may be repeated.
import { createHash, hash } from 'node:crypto';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Kysely } from 'kysely';
import { type ColdStore, ContentMissingError, SpoolFullError } from '#shared/spool/cold-store.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { shareCommits } from '#shared/spool/shared-commit.ts';
import { isOneOf } from '#shared/sql/bulk.ts';
import { type Database, isDiskFull, isRefusedByData, openDatabase } from '#shared/sql/database.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { ensureAccount, hasAccount } from './accounts.ts';
import { type Filing, fileBatch, mailboxName, type StoredContent } from './filing.ts';
import type { DeliveryResult, Mailstore } from './mailstore.ts';
import { type MailstoreTables, migrations } from './schema.ts';

/** Deliveries in one transaction. */
const BATCH = 500;
/** Bytes left free for the database, which must be able to say what became of content. */
const MIN_FREE = 16 * 1024 * 1024;
const SWEEP_EVERY = 3_600_000;
/** Rows follow their content within this, or not at all: the sweep gives back content that has had no rows for 10 minutes. */
const COMMIT_WITHIN = 300_000;

export interface MailstoreOptions {
  /** postgres:// URL; without it SQLite in `dataDir`. */
  readonly database?: string | undefined;
  readonly dataDir: string;
  readonly clock: Clock;
  /** Bytes per account; 0 or absent is none. A function is asked at each delivery: a reload may change it. */
  readonly quota?: number | (() => number);
  /** Bytes of disk that content leaves free; default 16 MB. */
  readonly minFree?: number;
  readonly log?: Logger | undefined;
}

/** Opens the store and brings its tables up to date. Throws when the database is away or newer than this code. */
export async function openMailstore(options: MailstoreOptions): Promise<Mailstore> {
  const { clock, dataDir, log } = options;
  const database = await openDatabase<MailstoreTables>({ url: options.database, file: join(dataDir, 'mail.sqlite'), store: 'mail', migrations, log });
  const contents = await openContents(options).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const { db, engine } = database;
  const filed = shareCommits({ commit, limit: BATCH, weight: (filing: Filing) => filing.deliveries.length, isFaultOfOne: isRefusedByData });

  async function commit(filings: readonly Filing[]): Promise<readonly (readonly DeliveryResult[])[]> {
    const rules = { engine, now: clock.now(), quota: typeof options.quota === 'function' ? options.quota() : (options.quota ?? 0) };
    return await db
      .transaction()
      .execute(async (transaction) => {
        const results = await fileBatch(transaction, rules, filings);
        if (filings.some(({ content }) => clock.monotonic() - content.writtenAt > COMMIT_WITHIN))
          throw new Error('delivery took too long: the sweep may have taken its content');
        return results;
      })
      .catch(asFull);
  }
  const sweep = (): Promise<{ removed: number }> => contents.sweep((ids) => areKnown(database, ids));
  const sweeping = setInterval(() => {
    sweep().catch((error: unknown) => log?.warn({ err: error }, 'mail store: sweep failed'));
  }, SWEEP_EVERY).unref();

  return {
    async deliver(content, _size, deliveries) {
      if (deliveries.length === 0) return [];
      const stored = await writeContent(contents, clock, content);
      const results = await filed.add({ content: stored, deliveries });
      // After an error the content stays: the rows may have been committed. The sweep knows.
      if (!results.some((result) => result.kind === 'stored' && !result.repeated)) await contents.remove(stored.location);
      return results;
    },
    ensureAccount: (address) => ensureAccount(db, address, clock.now()),
    hasAccount: (address) => hasAccount(db, address),
    list: (account, mailbox) =>
      messagesOf(db, account, mailbox).select(['messages.uid', 'messages.size', 'messages.queue_id as queueId']).orderBy('messages.uid').execute(),
    async read(account, mailbox, uid) {
      const found = await messagesOf(db, account, mailbox)
        .innerJoin('contents', 'contents.id', 'messages.content_id')
        .select(['messages.own_header', 'contents.location'])
        .where('messages.uid', '=', uid)
        .executeTakeFirst();
      if (!found) throw new ContentMissingError(`no message ${uid} in ${mailbox} of ${account}`);
      return Buffer.concat([Buffer.from(found.own_header), await buffer(await contents.read(found.location))]);
    },
    sweep,
    async close() {
      clearInterval(sweeping);
      await filed.settled();
      await contents.close();
      await database.close();
    },
  };
}

function openContents({ dataDir, clock, log, minFree = MIN_FREE }: MailstoreOptions): Promise<ColdStore> {
  return openDirectoryStore({ directory: join(dataDir, 'mail'), minFree, clock, ...(log && { log }) });
}

async function writeContent(contents: ColdStore, clock: Clock, content: Buffer | AsyncIterable<Buffer>): Promise<StoredContent> {
  const id = newQueueId(0, clock.now());
  const writtenAt = clock.monotonic();
  if (Buffer.isBuffer(content)) return { id, writtenAt, location: await contents.write(id, content), size: content.length, digest: hash('sha256', content) };
  const measured = measure(content);
  const location = await contents.write(id, measured.content);
  return { id, writtenAt: clock.monotonic(), location, ...measured.result() };
}

/** Counts and digests what streams through. */
function measure(source: AsyncIterable<Buffer>): { content: AsyncIterable<Buffer>; result: () => { size: number; digest: string } } {
  const digest = createHash('sha256');
  let size = 0;
  async function* pass(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      digest.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  return { content: pass(), result: () => ({ size, digest: digest.digest('hex') }) };
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

function asFull(error: unknown): never {
  throw isDiskFull(error) ? new SpoolFullError('the disk under the mail store’s database is full', { cause: error }) : error;
}
