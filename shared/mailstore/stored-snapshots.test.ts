// Stored snapshots on both databases: what is read through one is exactly what the rows say, whatever came between; and one that is of no use
// is as none.
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '#shared/sql/database.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { MailboxStore, MessageColumns } from './mailbox-store.ts';
import type { Mailstore } from './mailstore.ts';
import { openMailstore } from './open-mailstore.ts';
import { packColumns, unpackColumns } from './packed-columns.ts';
import { type MailstoreTables, migrations } from './schema.ts';
import { createStoredSnapshots } from './stored-snapshots.ts';
import { appended, opened, type Someone, someone } from './testing/messages.ts';
import { ALL_UIDS, rangesOf } from './uid-set.ts';

/** Rows that make a snapshot worth storing in these tests. */
const FROM = 3;
const DAY = 86_400_000;
const ONE: MessageColumns = { uids: Uint32Array.of(1), modseqs: Float64Array.of(1), flags: Float64Array.of(0) };

const columnsOf = ({ uids, modseqs, flags }: MessageColumns): MessageColumns => ({ uids, modseqs, flags });
const unpacked = (packed: Uint8Array) => columnsOf(unpackColumns(packed) ?? expect.unreachable());

async function expectExact(mailbox: MailboxStore): Promise<void> {
  const [through, rows] = [await mailbox.snapshot(), await mailbox.changesSince(0)];
  expect(columnsOf(through.columns)).toEqual(columnsOf(rows.changed));
}

for (const engine of ['SQLite', 'PostgreSQL'])
  describe(`stored snapshots on ${engine}`, () => {
    const cleanups: (() => unknown)[] = [];
    const warnings: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
    let ahead = 0;
    let count = 0;
    let store: Mailstore;
    let database: Database<MailstoreTables>;
    let again: () => Promise<Mailstore>;

    beforeAll(async () => {
      const server = engine === 'PostgreSQL' ? await startPostgres() : null;
      const directory = await tempDir('stored-snapshots');
      const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
      again = () => openMailstore({ database: server?.url, dataDir: directory.path, clock, minFree: 0, snapshotFrom: FROM, log });
      store = await again();
      database = await openDatabase<MailstoreTables>({ url: server?.url, file: join(directory.path, 'mail.sqlite'), store: 'mail', migrations });
      cleanups.push(
        directory.remove,
        () => server?.close(),
        () => database.close(),
        () => store.close(),
      );
    }, 60_000);
    afterAll(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup();
      expect(warnings).toEqual([]);
    });

    const storedOf = ({ id }: { readonly id: number }) =>
      database.db.selectFrom('mailbox_snapshots').selectAll().where('mailbox_id', '=', id).executeTakeFirst();
    const storedAt = async (mailbox: MailboxStore, modseq: number) =>
      await eventually(async () => ((await storedOf(mailbox))?.modseq === modseq ? ((await storedOf(mailbox)) ?? null) : null));

    /** A new account whose INBOX has these messages and is stored as it is then. */
    async function withStored(messages = 6): Promise<Someone & { readonly modseq: number }> {
      const one = await someone(store, `stored${++count}`);
      await appended(one.account, 'INBOX', Array(messages).fill({}));
      const { highestmodseq } = await one.inbox.snapshot();
      await storedAt(one.inbox, highestmodseq);
      return { ...one, modseq: highestmodseq };
    }
    async function problems(address: string): Promise<string[]> {
      return (await Array.fromAsync(store.check({ account: address }))).flatMap((finding) => (finding.kind === 'problem' ? [finding.what] : []));
    }

    test('a mailbox is stored when opening it read enough rows, and stored anew when as many have changed', async () => {
      const small = await someone(store, 'small');
      await appended(small.account, 'INBOX', [{}, {}]);
      await expectExact(small.inbox);
      const { inbox, modseq, account } = await withStored();
      expect(await storedOf(small.inbox)).toBeUndefined();
      await inbox.storeFlags([[1, 2]], 'add', ['\\Seen']);
      await expectExact(inbox);
      expect(await storedOf(inbox)).toMatchObject({ modseq });
      await inbox.storeFlags([[2, 2]], 'add', ['later']);
      await inbox.expunge([[4, 4]], 'all');
      await appended(account, 'INBOX', [{}], ['\\Flagged']);
      await expectExact(inbox);
      const { columns } = await storedAt(inbox, (await inbox.snapshot()).highestmodseq);
      expect(unpacked(columns)).toEqual(columnsOf((await inbox.snapshot()).columns));
      const other = await again();
      const theirs = await other.account(account.address);
      const [through, ours] = [await theirs?.open(inbox.id).snapshot(), await inbox.snapshot()];
      expect(through).toEqual({ ...ours, columns: expect.anything() });
      expect(through && columnsOf(through.columns)).toEqual(columnsOf(ours.columns));
      expect(through?.columns.codes).toEqual(ours.columns.codes);
      await other.close();
    });

    test('whatever changes a mailbox, it is opened as its rows are', async () => {
      const uids = fc.uniqueArray(fc.integer({ min: 1, max: 16 }), { maxLength: 5 }).map((some) => rangesOf(some.sort((a, b) => a - b)));
      const flags = fc.subarray(['\\Seen', '\\Deleted', 'one', 'two']);
      type Step = (one: Someone) => Promise<unknown>;
      const step: fc.Arbitrary<Step> = fc.oneof(
        fc.tuple(fc.integer({ min: 1, max: 3 }), flags).map(
          ([messages, each]): Step =>
            ({ account }) =>
              appended(account, 'INBOX', Array(messages).fill({}), each),
        ),
        fc.tuple(uids, fc.constantFrom('add' as const, 'remove' as const, 'replace' as const), flags).map(
          ([which, how, each]): Step =>
            ({ inbox }) =>
              inbox.storeFlags(which, how, each),
        ),
        fc.tuple(uids, fc.constantFrom('deleted' as const, 'all' as const)).map(
          ([which, only]): Step =>
            ({ inbox }) =>
              inbox.expunge(which, only),
        ),
        fc.tuple(uids, fc.constantFrom('INBOX', 'Trash')).map(
          ([which, to]): Step =>
            ({ inbox }) =>
              inbox.move(which, to),
        ),
        fc.constant<Step>(({ inbox }) => expectExact(inbox)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          const one = await withStored();
          for (const each of steps) await each(one);
          await expectExact(one.inbox);
          await expectExact(await opened(one.account, 'Trash'));
          expect(await problems(one.address)).toEqual([]);
        }),
        { numRuns: 25 },
      );
    }, 60_000);

    test('a snapshot that cannot be read, or claims what has not been yet, is as none, and replaced', async () => {
      const { inbox, modseq } = await withStored();
      const { columns } = await storedAt(inbox, modseq);
      const other = packColumns({ uids: Uint32Array.of(77), modseqs: Float64Array.of(1), flags: Float64Array.of(0) });
      const useless = [
        { columns: Buffer.from('nothing') },
        { columns: columns.slice(0, -1) },
        { columns: columns.map((octet, at) => (at === 0 ? 200 : octet)) },
        { columns: other, modseq: modseq + 1 },
      ];
      for (const spoilt of useless) {
        await database.db.updateTable('mailbox_snapshots').set(spoilt).where('mailbox_id', '=', inbox.id).execute();
        await expectExact(inbox);
        await eventually(async () => Buffer.from((await storedOf(inbox))?.columns ?? []).equals(columns));
        expect(await storedOf(inbox)).toMatchObject({ modseq });
      }
    });

    test('a snapshot from before what the mailbox remembers of expunges is as none, and replaced', async () => {
      const { inbox, modseq } = await withStored();
      await inbox.expunge([[2, 3]], 'all');
      ahead += 31 * DAY;
      await store.sweep();
      expect(await database.db.selectFrom('vanished').selectAll().where('mailbox_id', '=', inbox.id).execute()).toEqual([]);
      await expectExact(inbox);
      expect([...(await inbox.snapshot()).columns.uids]).toEqual([1, 4, 5, 6]);
      await storedAt(inbox, modseq + 1);
    });

    test('check finds a snapshot that says something else than the rows', async () => {
      const { inbox, address } = await withStored();
      expect(await problems(address)).toEqual([]);
      await database.db.updateTable('messages').set({ flag_code: 1 }).where('mailbox_id', '=', inbox.id).where('uid', '=', 5).execute();
      expect(await problems(address)).toEqual([expect.stringMatching(/its stored snapshot differs from its rows \(first at UID 5\)/)]);
      await database.db.deleteFrom('mailbox_snapshots').where('mailbox_id', '=', inbox.id).execute();
      expect(await problems(address)).toEqual([]);
    });

    test('a snapshot goes with its mailbox, and one of a mailbox that is gone is passed over', async () => {
      const { account } = await withStored();
      await account.create('work');
      await appended(account, 'work', Array(4).fill({}));
      const work = await opened(account, 'work');
      await storedAt(work, (await work.snapshot()).highestmodseq);
      await account.delete('work');
      expect(await storedOf(work)).toBeUndefined();
      const snapshots = createStoredSnapshots(database, log, FROM);
      snapshots.keep({ mailbox: work.id, modseq: 9, columns: ONE, rows: 9, useless: null });
      await snapshots.close();
      expect(await storedOf(work)).toBeUndefined();
    });

    test('what is under way when the store closes is stored, nothing afterwards, and never an older one over a newer', async () => {
      const { inbox, modseq } = await withStored();
      const read = { mailbox: inbox.id, modseq: modseq + 5, columns: ONE, rows: FROM, useless: null };
      const closing = createStoredSnapshots(database, log, FROM);
      closing.keep(read);
      await closing.close();
      expect(await storedOf(inbox)).toMatchObject({ modseq: modseq + 5 });
      closing.keep({ ...read, modseq: modseq + 6 });
      const older = createStoredSnapshots(database, log, FROM);
      older.keep({ ...read, modseq: modseq + 4 });
      await older.close();
      await closing.close();
      expect(await storedOf(inbox)).toMatchObject({ modseq: modseq + 5 });
    });

    test('a store that closes at once after opening a mailbox has stored it', async () => {
      const { account, inbox } = await someone(store, 'closing');
      await appended(account, 'INBOX', Array(5).fill({}));
      const other = await again();
      const { highestmodseq } = (await (await other.account(account.address))?.open(inbox.id).snapshot()) ?? {};
      await other.close();
      expect(await storedOf(inbox)).toMatchObject({ modseq: highestmodseq });
    });

    test('columns may be changed by who has them while they are stored', async () => {
      const { account, inbox } = await someone(store, 'changed');
      await appended(account, 'INBOX', Array(5).fill({}));
      const snapshot = await inbox.snapshot();
      const before = structuredClone(columnsOf(snapshot.columns));
      snapshot.columns.flags.fill(31);
      expect(unpacked((await storedAt(inbox, snapshot.highestmodseq)).columns)).toEqual(before);
      await inbox.expunge(ALL_UIDS, 'all');
      await expectExact(inbox);
    });
  });
