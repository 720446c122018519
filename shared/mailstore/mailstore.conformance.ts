// What the mail store must do on every database, as tests. Each database calls this with a way to open the store.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { LocalDelivery, Mailstore } from './mailstore.ts';
import { openMailstore } from './open-mailstore.ts';
import { type MailstoreTables, migrations } from './schema.ts';
import { searchConformance } from './search.conformance.ts';
import { sessionConformance } from './session.conformance.ts';

export interface DatabaseUnderTest {
  /** Undefined: SQLite in the data directory. */
  url(name: string): Promise<string | undefined>;
  dispose(): Promise<void>;
}

const queueId = (): string => newQueueId(0, Date.now());

function delivery(account: string, more: Partial<LocalDelivery> = {}): LocalDelivery {
  const ownHeader = `Return-Path: <sender@example.com>\r\nDelivered-To: ${account}\r\n`;
  return { queueId: queueId(), recipient: 0, account, mailbox: 'INBOX', ownHeader, receivedAt: 1_700_000_000_000, ...more };
}

/** Registers the suite. */
export function mailstoreConformance(name: string, prepare: () => Promise<DatabaseUnderTest>): void {
  describe(`mail store on ${name}`, () => {
    let under: DatabaseUnderTest;
    let store: Mailstore;
    let url: string | undefined;
    let dataDir: string;
    const cleanups: (() => Promise<unknown>)[] = [];

    async function opened(database: string | undefined, directory: string, more: { quota?: number; quotaMessages?: number } = {}): Promise<Mailstore> {
      const made = await openMailstore({ database, dataDir: directory, clock: systemClock, minFree: 0, ...more });
      cleanups.push(() => made.close());
      return made;
    }
    async function fresh(label: string, more: { quota?: number; quotaMessages?: number } = {}): Promise<Mailstore> {
      const directory = await tempDir(label);
      cleanups.push(directory.remove);
      return await opened(await under.url(label), directory.path, more);
    }

    async function indexed(): Promise<boolean> {
      const database = await openDatabase<MailstoreTables>({ url, file: join(dataDir, 'mail.sqlite'), store: 'mail', migrations });
      const waiting = await database.db.selectFrom('index_queue').selectAll().execute();
      await database.close();
      return waiting.length === 0;
    }

    beforeAll(async () => {
      under = await prepare();
      cleanups.push(() => under.dispose());
      const directory = await tempDir('mailstore');
      cleanups.push(directory.remove);
      dataDir = directory.path;
      url = await under.url('main');
      store = await opened(url, dataDir);
    }, 60_000);
    afterAll(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
    });

    sessionConformance({ store: () => store, fresh });
    searchConformance({ store: () => store, indexed });

    test('a delivered message is read back with its own header first', async () => {
      await store.ensureAccount('alice@example.org');
      const content = Buffer.concat([Buffer.from('Subject: ü\r\n\r\n'), randomBytes(5000)]);
      const one = delivery('alice@example.org');
      expect(await store.deliver(content, content.length, [one])).toEqual([{ kind: 'stored', uid: 1, repeated: false }]);
      const read = await store.read('alice@example.org', 'INBOX', 1);
      expect(read.equals(Buffer.concat([Buffer.from(one.ownHeader), content]))).toBe(true);
      expect(await store.list('alice@example.org', 'inbox')).toEqual([{ uid: 1, size: read.length, queueId: one.queueId }]);
    });

    test('an account has its mailboxes from the start, and making it again changes nothing', async () => {
      expect(await store.hasAccount('mailboxes@example.org')).toBe(false);
      await Promise.all([1, 2, 3].map(() => store.ensureAccount('mailboxes@example.org')));
      expect(await store.hasAccount('mailboxes@example.org')).toBe(true);
      for (const mailbox of ['INBOX', 'Sent', 'Drafts', 'Junk', 'Trash']) {
        const [result] = await store.deliver(Buffer.from('x'), 1, [delivery('mailboxes@example.org', { mailbox })]);
        expect(result).toEqual({ kind: 'stored', uid: 1, repeated: false });
        expect(await store.list('mailboxes@example.org', mailbox)).toHaveLength(1);
      }
    });

    test('a mailbox that is gone is INBOX', async () => {
      await store.ensureAccount('gone@example.org');
      await store.deliver(Buffer.from('x'), 1, [delivery('gone@example.org', { mailbox: 'Lists/vitest' })]);
      expect(await store.list('gone@example.org', 'INBOX')).toHaveLength(1);
    });

    test('a repeated delivery is a no-op with the same uid, also by two callers at once and after a restart', async () => {
      await store.ensureAccount('repeat@example.org');
      const one = delivery('repeat@example.org');
      const results = (await Promise.all([1, 2, 3].map(() => store.deliver(Buffer.from('same'), 4, [one])))).flat();
      expect(results.map((result) => result.kind === 'stored' && result.uid)).toEqual([1, 1, 1]);
      expect(results.filter((result) => result.kind === 'stored' && !result.repeated)).toHaveLength(1);
      const again = await opened(url, dataDir);
      expect(await again.deliver(Buffer.from('same'), 4, [one])).toEqual([{ kind: 'stored', uid: 1, repeated: true }]);
      expect(await store.list('repeat@example.org', 'INBOX')).toHaveLength(1);
    });

    test('one content for many recipients is stored once, and unknown ones are told apart', async () => {
      const accounts = Array.from({ length: 20 }, (_, index) => `many${index}@example.org`);
      for (const account of accounts) await store.ensureAccount(account);
      const id = queueId();
      const content = randomBytes(50_000);
      const deliveries = [...accounts, 'nobody@example.org'].map((account, recipient) => delivery(account, { queueId: id, recipient }));
      const results = await store.deliver(content, content.length, deliveries);
      expect(results.slice(0, 20).every((result) => result.kind === 'stored')).toBe(true);
      expect(results[20]).toEqual({ kind: 'no-such-account' });
      for (const account of accounts) expect((await store.read(account, 'INBOX', 1)).subarray(-content.length).equals(content)).toBe(true);
    });

    test('large content streams in and comes back whole', async () => {
      await store.ensureAccount('large@example.org');
      const pieces = Array.from({ length: 30 }, () => randomBytes(100_000));
      async function* source(): AsyncGenerator<Buffer> {
        yield* pieces;
      }
      await store.deliver(source(), 3_000_000, [delivery('large@example.org', { ownHeader: '' })]);
      expect((await store.read('large@example.org', 'INBOX', 1)).equals(Buffer.concat(pieces))).toBe(true);
    });

    test('over quota is said, and nothing is stored for it', async () => {
      const small = await fresh('quota', { quota: 10_000 });
      await small.ensureAccount('full@example.org');
      await small.ensureAccount('roomy@example.org');
      const content = Buffer.alloc(6000, 'x');
      expect((await small.deliver(content, 6000, [delivery('full@example.org')]))[0]?.kind).toBe('stored');
      const both = [delivery('full@example.org'), delivery('roomy@example.org')];
      expect((await small.deliver(content, 6000, both)).map(({ kind }) => kind)).toEqual(['over-quota', 'stored']);
      expect(await small.list('full@example.org', 'INBOX')).toHaveLength(1);
    });

    test('two processes that deliver to the same mailboxes at once give every message its own uid, without a gap', async () => {
      const other = await opened(url, dataDir);
      const accounts = ['c1@example.org', 'c2@example.org', 'c3@example.org'];
      for (const account of accounts) await store.ensureAccount(account);
      const work = Array.from({ length: 120 }, (_, index) => {
        const turned = [...accounts.slice(index % 3), ...accounts.slice(0, index % 3)];
        const id = queueId();
        const deliveries = turned.map((account, recipient) => delivery(account, { queueId: id, recipient }));
        return (index % 2 ? store : other).deliver(Buffer.from(`message ${index}`), 0, deliveries);
      });
      const results = (await Promise.all(work)).flat();
      expect(results.every((result) => result.kind === 'stored' && !result.repeated)).toBe(true);
      for (const account of accounts) {
        const uids = (await store.list(account, 'INBOX')).map(({ uid }) => uid);
        expect(uids).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
      }
    });

    test('processes that start at once migrate once', async () => {
      const directory = await tempDir('migrate');
      cleanups.push(directory.remove);
      const empty = await under.url('migrate');
      const stores = await Promise.all([1, 2, 3, 4].map(() => opened(empty, directory.path)));
      await Promise.all(stores.map((each) => each.ensureAccount('a@example.org')));
      expect(await stores[3]?.hasAccount('a@example.org')).toBe(true);
    });

    test('any own header and any account name come back as given', async () => {
      const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((text) => text.replaceAll('\0', ''));
      await fc.assert(
        fc.asyncProperty(word, word, async (local, header) => {
          const account = `${local}@example.org`;
          await store.ensureAccount(account);
          const [result] = await store.deliver(Buffer.from('c'), 1, [delivery(account, { ownHeader: header })]);
          expect(result?.kind).toBe('stored');
          const uid = result?.kind === 'stored' ? result.uid : 0;
          expect((await store.read(account, 'INBOX', uid)).toString()).toBe(`${header}c`);
        }),
        { numRuns: 25 },
      );
    });

    test('data that the database refuses fails alone, and its neighbours in the transaction are stored', async () => {
      await store.ensureAccount('neighbour@example.org');
      const poison = delivery('neighbour@example.org', { recipient: 0.5, ownHeader: '\0' });
      const good = [1, 2, 3].map(() => delivery('neighbour@example.org'));
      const settled = await Promise.allSettled([poison, ...good].map((one) => store.deliver(Buffer.from('x'), 1, [one])));
      expect(settled.slice(1).every(({ status }) => status === 'fulfilled')).toBe(true);
    });
  });
}
