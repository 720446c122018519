// What happens to a mail store over time: it is migrated, forgets what is old, is checked and backed up. On SQLite, whose files a test can spoil.
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { type Database, openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { AccountStore } from './account-store.ts';
import type { MailboxStore } from './mailbox-store.ts';
import type { Mailstore } from './mailstore.ts';
import { createCoreTables } from './migrations/1-core.ts';
import { createAccessTables } from './migrations/2-access.ts';
import { openMailstore } from './open-mailstore.ts';
import { type MailstoreTables, migrations } from './schema.ts';
import { ALL_UIDS } from './uid-set.ts';

const DAY = 86_400_000;
const ADDRESS = 'a@example.org';
const delivery = (queueId = newQueueId(0, 0)) => ({ queueId, recipient: 0, account: ADDRESS, mailbox: 'INBOX', ownHeader: 'X-Own: yes\r\n', receivedAt: 0 });

interface Kept extends AsyncDisposable {
  readonly directory: string;
  readonly store: Mailstore;
  readonly inbox: MailboxStore;
  /** Days and milliseconds that pass. */
  pass(milliseconds: number): void;
  /** The database behind the store's back. */
  database(): Promise<Database<MailstoreTables>>;
}

async function keep(prepare: (directory: string) => Promise<void> = async () => {}): Promise<Kept> {
  const directory = await tempDir('upkeep');
  await prepare(directory.path);
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const store = await openMailstore({ dataDir: directory.path, clock, minFree: 0 });
  await store.ensureAccount(ADDRESS);
  const account = (await store.account(ADDRESS)) as AccountStore;
  const databases: Database<MailstoreTables>[] = [];
  return {
    directory: directory.path,
    store,
    inbox: account.open((await account.find('INBOX'))?.id ?? 0),
    pass(milliseconds) {
      ahead += milliseconds;
    },
    async database() {
      const opened = await openDatabase<MailstoreTables>({ file: join(directory.path, 'mail.sqlite'), store: 'mail', migrations });
      databases.push(opened);
      return opened;
    },
    async [Symbol.asyncDispose]() {
      for (const opened of databases) await opened.close();
      await store.close();
      await directory.remove();
    },
  };
}

test('a store of the first version is read, searched and expunged like any other', async () => {
  await using kept = await keep(async (directory) => {
    const contents = await openDirectoryStore({ directory: join(directory, 'mail'), minFree: 0, clock: systemClock });
    const old = await openDatabase<MailstoreTables>({ file: join(directory, 'mail.sqlite'), store: 'mail', migrations: [createCoreTables] });
    const content = Buffer.from('Subject: from before\r\nMessage-ID: <old@x>\r\n\r\nlong ago');
    const location = await contents.write(newQueueId(0, 0), content);
    const statements = [
      sql`insert into accounts (address, created_at, used_bytes, used_messages) values (${ADDRESS}, 1, ${content.length}, 1)`,
      ...['INBOX', 'Sent'].map(
        (name) => sql`insert into mailboxes (account_id, name, uidvalidity, uidnext, highestmodseq, subscribed) values (1, ${name}, 1000, 2, 2, 1)`,
      ),
      sql`insert into contents values ('C1', ${location}, ${content.length}, '', 1)`,
      sql`insert into messages values (1, 1, 2, 'C1', '', 5, ${content.length}, '', 'Q1', 0)`,
      sql`insert into deliveries values ('Q1', 0, 1, 1, 5)`,
    ];
    for (const statement of statements) await statement.execute(old.db);
    await old.close();
    await contents.close();
  });
  const { inbox, store } = kept;
  const account = (await store.account(ADDRESS)) as AccountStore;
  const { mailboxes, subscriptions } = await account.listing();
  expect(mailboxes.map(({ name, uidvalidity }) => [name, uidvalidity])).toEqual([
    ['INBOX', 1000],
    ['Sent', 1001],
  ]);
  expect(subscriptions).toEqual(new Set(['INBOX', 'Sent']));
  const [[message] = []] = await Array.fromAsync(inbox.messages(ALL_UIDS, { index: true, thread: true }));
  expect(message).toMatchObject({ uid: 1, index: { env: { subject: 'from before' } } });
  await eventually(async () => (await inbox.search({ kind: 'text', text: 'LONG AGO' })).uids.length === 1);
  expect((await Array.fromAsync(inbox.messages(ALL_UIDS, { thread: true })))[0]?.[0]?.threadId).toBe(message?.threadId);
  expect(await store.deliver(Buffer.from('x'), 1, [delivery('Q1' as ReturnType<typeof newQueueId>)])).toMatchObject([{ repeated: true }]);
  expect((await inbox.expunge(ALL_UIDS, 'all')).uids).toHaveLength(1);
});

test('a store of the second version keeps what was read of its messages, indexed or not', async () => {
  await using kept = await keep(async (directory) => {
    const contents = await openDirectoryStore({ directory: join(directory, 'mail'), minFree: 0, clock: systemClock });
    const before = [createCoreTables, createAccessTables];
    const old = await openDatabase<MailstoreTables>({ file: join(directory, 'mail.sqlite'), store: 'mail', migrations: before });
    const mailbox = sql`insert into mailboxes (account_id, name, uidvalidity, uidnext, highestmodseq) values (1, 'INBOX', 1000, 3, 3)`;
    await sql`insert into accounts (address, created_at, used_bytes, used_messages, last_uidvalidity) values (${ADDRESS}, 1, 50, 2, 1000)`.execute(old.db);
    await mailbox.execute(old.db);
    for (const [uid, word] of [
      [1, 'indexed'],
      [2, 'waiting'],
    ] as const) {
      const id = `C${uid}`;
      const location = await contents.write(newQueueId(0, 0), Buffer.from(`Subject: ${word}\r\n\r\n${word} text`));
      const index = JSON.stringify({ v: 1, env: { subject: word }, root: { head: 0, body: 20, size: 5 }, fields: { kept: [], left: [] } });
      const statements = [
        sql`insert into contents values (${id}, ${location}, 33, '', 1)`,
        sql`insert into content_headers values (${id}, ${`T${id}`}, null, '', 0, null, null, '', '', '', '', '', '', '', '', ${word}, '')`,
        sql`insert into content_texts (content_id, message_index, header_text, body_text) values (${id}, ${index}, ${`\nsubject: ${word}`}, ${`${word} text`})`,
        sql`insert into messages (mailbox_id, uid, modseq, content_id, own_header, internaldate, size, queue_id, recipient)
          values (1, ${uid}, ${uid + 1}, ${id}, '', 5, 33, ${`Q${uid}`}, 0)`,
        uid === 1
          ? sql`insert into content_index (rowid, trigrams) select seq, body_text from content_texts where content_id = ${id}`
          : sql`insert into index_queue (content_id) values (${id})`,
      ];
      for (const statement of statements) await statement.execute(old.db);
    }
    await old.close();
    await contents.close();
  });
  const { inbox, database } = kept;
  const messages = (await Array.fromAsync(inbox.messages(ALL_UIDS, { index: true, thread: true }))).flat();
  expect(messages.map(({ index, threadId }) => [index?.env.subject, threadId])).toEqual([
    ['indexed', 'TC1'],
    ['waiting', 'TC2'],
  ]);
  const found = async (text: string) => [...(await inbox.search({ kind: 'body', text })).uids];
  expect([await found('indexed'), await found('waiting'), await found('text')]).toEqual([[1], [2], [1, 2]]);
  const { db } = await database();
  await eventually(async () => (await db.selectFrom('index_queue').selectAll().execute()).length === 0, { within: 10_000 });
  expect([await found('indexed'), await found('waiting'), await found('text')]).toEqual([[1], [2], [1, 2]]);
});

test('content that is lost or expunged before it was indexed holds up nobody', async () => {
  await using kept = await keep();
  const { store, inbox, database, directory } = kept;
  for (const content of [Buffer.alloc(300_000, 'x'), Buffer.from('gone'), Buffer.from('\r\nwhat stays')]) await store.deliver(content, 0, [delivery()]);
  const lost = (await readdir(join(directory, 'mail'))).find((file) => file.endsWith('.eml')) ?? '';
  await rm(join(directory, 'mail', lost));
  await inbox.expunge([[2, 2]], 'all');
  const found = async () => [...(await inbox.search({ kind: 'text', text: 'what stays' })).uids];
  expect(await found()).toEqual([3]);
  const { db } = await database();
  await eventually(async () => (await db.selectFrom('index_queue').selectAll().execute()).length === 0, { within: 10_000 });
  expect(await found()).toEqual([3]);
});

test('a delivery is remembered for 7 days after its message was expunged, and as long as the message is there', async () => {
  await using kept = await keep();
  const { store, inbox, pass } = kept;
  const [stays, goes] = [delivery(), delivery()];
  for (const one of [stays, goes]) await store.deliver(Buffer.from('x'), 1, [one]);
  pass(30 * DAY);
  await inbox.expunge([[2, 2]], 'all');
  pass(6.9 * DAY);
  await store.sweep();
  expect(await store.deliver(Buffer.from('x'), 1, [goes])).toMatchObject([{ repeated: true, uid: 2 }]);
  pass(0.2 * DAY);
  await store.sweep();
  expect(await store.deliver(Buffer.from('x'), 1, [stays])).toMatchObject([{ repeated: true, uid: 1 }]);
  expect(await store.deliver(Buffer.from('x'), 1, [goes])).toMatchObject([{ repeated: false, uid: 3 }]);
});

test('who asks for expunges from before what is remembered is told all that is not there', async () => {
  await using kept = await keep();
  const { store, inbox, pass } = kept;
  for (let count = 0; count < 5; count++) await store.deliver(Buffer.from('x'), 1, [delivery()]);
  await inbox.expunge([[2, 2]], 'all');
  const { highestmodseq } = await inbox.snapshot();
  pass(29 * DAY);
  await inbox.expunge([[4, 4]], 'all');
  await store.sweep();
  expect(await inbox.changesSince(highestmodseq)).toMatchObject({ vanished: [[4, 4]] });
  expect(await inbox.changesSince(5)).toMatchObject({
    vanished: [
      [2, 2],
      [4, 4],
    ],
    changed: { uids: new Uint32Array([5]) },
  });
  pass(2 * DAY);
  await store.sweep();
  expect(await inbox.changesSince(highestmodseq)).toMatchObject({ vanished: [[4, 4]], changed: { uids: new Uint32Array() } });
  expect(await inbox.changesSince(highestmodseq - 1)).toMatchObject({
    vanished: [
      [2, 2],
      [4, 4],
    ],
  });
  pass(30 * DAY);
  await store.sweep();
  expect(await inbox.changesSince(5)).toMatchObject({
    vanished: [
      [2, 2],
      [4, 4],
    ],
    changed: { uids: new Uint32Array([5]) },
  });
});

test('check finds content that is gone or damaged, wrong sizes, counts and UIDs', async () => {
  await using kept = await keep();
  const { store, database, directory } = kept;
  const large = Buffer.alloc(300_000, 'x');
  for (const content of [large, large, Buffer.from('one'), Buffer.from('two'), Buffer.from('three')]) await store.deliver(content, 0, [delivery()]);
  const { db } = await database();
  const files = (await readdir(join(directory, 'mail'))).filter((file) => file.endsWith('.eml')).map((file) => join(directory, 'mail', file));
  const lost = files[0] ?? '';
  await rm(lost);
  await sql`update messages set size = size + 1 where uid = 3`.execute(db);
  await sql`update contents set reference_count = 9 where id = (select content_id from messages where uid = 4)`.execute(db);
  await sql`update contents set digest = 'other' where id = (select content_id from messages where uid = 5)`.execute(db);
  await sql`update accounts set used_messages = 17`.execute(db);
  const findings = await Array.fromAsync(store.check({ account: ADDRESS, digests: true }));
  const problems = findings.flatMap((finding) => (finding.kind === 'problem' ? [finding] : []));
  const about = (uid: number | null) => problems.filter((problem) => problem.uid === uid).map(({ what }) => what);
  expect([...about(1), ...about(2)]).toEqual([expect.stringContaining('cannot be read')]);
  expect(about(3)).toEqual([expect.stringContaining('its size is')]);
  expect(about(4)).toEqual([expect.stringContaining('1 copies, 9 are counted')]);
  expect(about(5)).toEqual([expect.stringContaining('digest differs')]);
  expect(about(null)).toEqual([expect.stringContaining('17 messages')]);
  expect(findings.at(-1)).toMatchObject({ kind: 'checked', account: ADDRESS, messages: 5 });
  await sql`update mailboxes set uidnext = 3, highestmodseq = 5 where name = 'INBOX'`.execute(db);
  const found = (await Array.fromAsync(store.check())).flatMap((finding) => (finding.kind === 'problem' ? [finding.what] : []));
  expect(found.filter((what) => what.includes('UIDNEXT'))).toHaveLength(3);
  expect(found.filter((what) => what.includes('HIGHESTMODSEQ'))).toHaveLength(1);
});

test('a backup of the index is a store of its own, with the same content beside it', async () => {
  await using kept = await keep();
  await using copy = await tempDir('backup');
  await kept.store.deliver(Buffer.alloc(300_000, 'x'), 1, [delivery()]);
  await kept.store.backupIndex(join(copy.path, 'mail.sqlite'));
  await kept.store.deliver(Buffer.from('later'), 1, [delivery()]);
  const restored = await openMailstore({ dataDir: copy.path, clock: systemClock, minFree: 0 });
  for (const file of await readdir(join(kept.directory, 'mail'))) await copyFile(join(kept.directory, 'mail', file), join(copy.path, 'mail', file));
  expect(await restored.list(ADDRESS, 'INBOX')).toHaveLength(1);
  expect(await restored.read(ADDRESS, 'INBOX', 1)).toHaveLength(300_012);
  await restored.close();
});
