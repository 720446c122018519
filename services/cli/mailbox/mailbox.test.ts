// `stafette mailbox` on the real store: import, export, check, list and backup, cut off half-way, run again, and with others at work.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { unpackColumns } from '#shared/mailstore/packed-columns.ts';
import { type MailstoreTables, migrations } from '#shared/mailstore/schema.ts';
import { openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { startPostgres } from '#shared/testing/postgres.ts';
import { type CommandWorld, commandWorld } from '../testing/command.ts';

const ALICE = 'alice@example.org';
let world: CommandWorld;
beforeEach(async () => {
  world = await commandWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

function makeMaildir(name: string, messages: Readonly<Record<string, string>>): string {
  const root = join(world.path, name);
  let at = 1_600_000_000;
  for (const [file, text] of Object.entries(messages)) {
    const folder = join(root, file, '../..');
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(root, file), text);
    utimesSync(join(root, file), at, at);
    at += 60;
  }
  return root;
}

const many = (count: number, from = 0): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`cur/${from + index}.host:2,`, `Subject: message ${from + index}\n\nbody ${from + index}\n`]),
  );

async function withStore<T>(use: (store: Mailstore) => Promise<T>, dataDir = world.dataDir): Promise<T> {
  const store = await openMailstore({ dataDir, clock: systemClock, minFree: 0 });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Mailboxes that have messages, with what a client would see of them. */
async function contentOf(dataDir = world.dataDir): Promise<Record<string, readonly (readonly [flags: string, at: number, text: string])[]>> {
  return await withStore(async (store) => {
    const account = await store.account(ALICE);
    const found: Record<string, [string, number, string][]> = {};
    for (const { id, name } of (await account?.listing())?.mailboxes ?? [])
      for await (const batch of account?.open(id).messages([[1, 0xffff_ffff]]) ?? [])
        for (const { flags, receivedAt, content } of batch) {
          const text = Buffer.concat(await Array.fromAsync(content.read())).toString();
          found[name] = [...(found[name] ?? []), [(account?.flagNames(flags) ?? []).toSorted().join(' '), receivedAt / 1000, text]];
        }
    return found;
  }, dataDir);
}

const SOME = {
  'cur/1.host:2,S': 'Subject: one\n\nFrom here\n',
  'cur/2.host:2,FR': 'Subject: two\nStatus: mine\n\n>From there\n\n',
  'new/3.host': 'Subject: three\n\nno line end',
  '.Sent/cur/4.host:2,S': 'Subject: four\n\nbody\n',
  '.Work.Entw&APw-rfe/cur/5.host:2,DS': 'Subject: five\n\nbody\n',
};
const IMPORTED = {
  INBOX: [
    ['\\Seen', 1_600_000_000, 'Subject: one\r\n\r\nFrom here\r\n'],
    ['\\Answered \\Flagged', 1_600_000_060, 'Subject: two\r\nStatus: mine\r\n\r\n>From there\r\n\r\n'],
    ['', 1_600_000_120, 'Subject: three\r\n\r\nno line end'],
  ],
  Sent: [['\\Seen', 1_600_000_180, 'Subject: four\r\n\r\nbody\r\n']],
  'Work/Entwürfe': [['\\Draft \\Seen', 1_600_000_240, 'Subject: five\r\n\r\nbody\r\n']],
};

test('a Maildir comes in with flags, dates and folders; a second time nothing; what is new since then comes', async () => {
  const root = makeMaildir('Maildir', SOME);
  symlinkSync('/etc/passwd', join(root, 'cur/9.host:2,S'));
  expect(await world.json('mailbox', 'import', ALICE, root)).toEqual({
    ...{ address: ALICE, source: 'Maildir', imported: 5, before: 0, gone: 0, verified: 5, missing: 0, passedOver: 1, status: 0 },
  });
  expect(await contentOf()).toEqual(IMPORTED);
  writeFileSync(join(root, 'new/10.host'), 'Subject: ten\n\n');
  expect(await world.json('mailbox', 'import', ALICE, root)).toMatchObject({ imported: 1, before: 5, verified: 1 });
  expect((await world.run('mailbox', 'list', ALICE)).lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual(
    expect.arrayContaining([`${ALICE} 4 3 117 B INBOX`, `${ALICE} 1 0 23 B Sent (\\Sent)`]),
  );
});

test.each(['maildir', 'mbox'])('what is exported as %s and imported again is the same', async (format) => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', SOME));
  const target = join(world.path, 'export');
  expect((await world.run('mailbox', 'export', ALICE, target, '--format', format)).lines).toEqual([
    `5 messages of 7 mailboxes in ${target}, 5 written now, all verified by their digests`,
  ]);
  await using other = await commandWorld();
  expect(await other.json('mailbox', 'import', ALICE, target)).toMatchObject({ imported: 5, verified: 5 });
  // An mbox cannot say that a message does not end with a line end.
  const expected =
    format === 'maildir' ? IMPORTED : { ...IMPORTED, INBOX: IMPORTED.INBOX.map(([flags, at, text]) => [flags, at, String(text).replace(/end$/, 'end\r\n')]) };
  expect(await contentOf(other.dataDir)).toEqual(expected);
});

test('keywords go into a Maildir and back', async () => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', { 'cur/1.host:2,S': 'Subject: one\n\n' }));
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    await account?.open((await account.find('INBOX'))?.id ?? 0).storeFlags([[1, 1]], 'add', ['$Label1', 'Work', '$Forwarded']);
  });
  const target = join(world.path, 'export');
  await world.run('mailbox', 'export', ALICE, target);
  await using other = await commandWorld();
  await other.run('mailbox', 'import', ALICE, target);
  expect((await contentOf(other.dataDir))['INBOX']?.map(([flags]) => flags)).toEqual(['$Forwarded $Label1 Work \\Seen']);
});

test('an export goes on where it was cut off, and follows changes of flags', async () => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', SOME));
  const target = join(world.path, 'export');
  await world.run('mailbox', 'export', ALICE, target);
  const [file = ''] = readdirSync(join(target, 'cur')).sort();
  truncateSync(join(target, 'cur', file), 3);
  rmSync(join(target, '.Sent/cur'), { recursive: true });
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    const inbox = await account?.find('INBOX');
    await account?.open(inbox?.id ?? 0).storeFlags([[2, 2]], 'remove', ['\\Flagged']);
  });
  expect(await world.json('mailbox', 'export', ALICE, target)).toMatchObject({ status: 0 });
  expect(
    readdirSync(join(target, 'cur'))
      .map((name) => name.replace(/.*U/, ''))
      .sort(),
  ).toEqual(['1.stafette:2,S', '2.stafette:2,R', '3.stafette:2,']);
  expect(readFileSync(join(target, 'cur', file), 'utf8')).toBe('Subject: one\n\nFrom here\n');
  expect(readdirSync(join(target, '.Sent/cur'))).toHaveLength(1);
  await expect(world.run('mailbox', 'export', ALICE, world.path)).rejects.toThrow('holds something else');
  await expect(world.run('mailbox', 'export', ALICE, target, '--format', 'mbox')).rejects.toThrow('holds a Maildir of an earlier run');
  await expect(world.run('mailbox', 'export', ALICE, join(target, 'cur', file))).rejects.toThrow('cannot be made a folder');
});

test.each([
  { format: 'maildir', left: '.Sent', read: ['.stafette-export', 'cur', 'new', 'tmp'] },
  { format: 'mbox', left: 'Sent.mbox', read: ['.stafette-export', 'INBOX.mbox'] },
])('what an earlier export as $format has and the account no longer has is told, and goes when that is asked for', async ({ format, left, read }) => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', SOME));
  const target = join(world.path, 'export');
  const exportAll = async (...more: string[]) => await world.json('mailbox', 'export', ALICE, target, '--format', format, ...more);
  await exportAll();
  const strange = format === 'maildir' ? 'cur/1.of.others:2,S' : 'notes.txt';
  writeFileSync(join(target, strange), 'x');
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    const inbox = account?.open((await account.find('INBOX'))?.id ?? 0);
    await inbox?.expunge([[1, 1]], 'all');
    for (const { name } of (await account?.listing())?.mailboxes ?? []) if (name !== 'INBOX') await account?.delete(name);
  });
  const messages = () =>
    format === 'maildir' ? readdirSync(join(target, 'cur')).length - 1 : readFileSync(join(target, 'INBOX.mbox'), 'utf8').match(/^From /gm)?.length;
  const others = expect.arrayContaining([left]);
  expect(await exportAll()).toMatchObject({ others, mailboxes: [{ name: 'INBOX', messages: 2, gone: format === 'maildir' ? 1 : 0 }] });
  expect(await exportAll('--delete')).toMatchObject({ others });
  expect(messages()).toBe(2);
  expect(
    readdirSync(target)
      .filter((name) => name !== 'notes.txt')
      .sort(),
  ).toEqual(read);
  expect(existsSync(join(target, strange))).toBe(true);
  expect(await exportAll()).toMatchObject({ others: [], mailboxes: [{ gone: 0 }] });
});

test('what went with its account, its mailbox or a newer index is imported again', async () => {
  const root = makeMaildir('Maildir', SOME);
  const again = () => world.json('mailbox', 'import', ALICE, root);
  const mail = ['mail.sqlite', 'mail'].map((name) => join(world.dataDir, name));
  await withStore(async () => {});
  for (const path of mail) if (existsSync(path)) cpSync(path, `${path}.old`, { recursive: true });
  expect(await again()).toMatchObject({ imported: 5, before: 0 });
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    for (const { name } of (await account?.listing())?.mailboxes ?? []) if (name !== 'INBOX') await account?.delete(name);
  });
  expect(await again()).toMatchObject({ imported: 2, before: 3, verified: 2, missing: 0 });
  await withStore((store) => store.removeAccount(ALICE));
  expect(await again()).toMatchObject({ imported: 5, before: 0, verified: 5 });
  for (const path of mail) {
    rmSync(path, { recursive: true, force: true });
    if (existsSync(`${path}.old`)) cpSync(`${path}.old`, path, { recursive: true });
  }
  expect(await again()).toMatchObject({ imported: 5, before: 0, verified: 5, status: 0 });
  expect(await again()).toMatchObject({ imported: 0, before: 5 });
});

test('a mailbox that its owner makes anew while an import is cut off gets all of it', async () => {
  const root = makeMaildir('Maildir', many(130));
  await world.run('mailbox', 'import', ALICE, root, '--mailbox', 'Old');
  const [journal = ''] = readdirSync(join(world.dataDir, 'imports'));
  const lines = readFileSync(join(world.dataDir, 'imports', journal), 'utf8').split('\n');
  // The first batch filed, the second begun.
  writeFileSync(join(world.dataDir, 'imports', journal), `${lines.slice(0, 3).join('\n')}\n`);
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    await account?.delete('Old');
    await account?.create('Old');
    const appending = await account?.append('Old');
    if (appending?.kind !== 'appending') throw new Error('no mailbox');
    await appending.add(Readable.from([Buffer.from('Subject: new\r\n\r\n')]), { flags: [] });
    await appending.commit();
  });
  expect(await world.json('mailbox', 'import', ALICE, root, '--mailbox', 'Old')).toMatchObject({
    imported: 130,
    before: 0,
    verified: 130,
    missing: 0,
    status: 0,
  });
});

test('an import that is cut off at any moment goes on, and files nothing twice', async () => {
  const root = makeMaildir('Maildir', many(130));
  await world.run('mailbox', 'import', ALICE, root);
  const journal = join(world.dataDir, 'imports', readdirSync(join(world.dataDir, 'imports'))[0] ?? '');
  const [first, itsUids, second = '', ...rest] = readFileSync(journal, 'utf8').trimEnd().split('\n');
  expect(rest).toHaveLength(2);
  const undoSecond = () =>
    withStore(async (store) => {
      const account = await store.account(ALICE);
      await account?.open((await account.find('INBOX'))?.id ?? 0).expunge([[101, 0xffff_ffff]], 'all');
    });
  const again = (kept: string) => {
    writeFileSync(journal, kept);
    return world.json('mailbox', 'import', ALICE, root);
  };
  // Behind the commit of a batch, before the journal says so.
  expect(await again(`${first}\n${itsUids}\n${second}\n`)).toMatchObject({ before: 130, imported: 0, verified: 130, missing: 0 });
  // Before its commit; and while the journal was written.
  for (const cut of [`${second}\n`, second.slice(0, 40)]) {
    await undoSecond();
    expect(await again(`${first}\n${itsUids}\n${cut}`)).toMatchObject({ before: 100, imported: 30, verified: 130, missing: 0 });
  }
  expect((await contentOf())['INBOX']?.map(([, , text]) => text)).toEqual(Object.values(many(130)).map((text) => text.replaceAll('\n', '\r\n')));
});

test('an mbox comes in; one that is none is refused', async () => {
  const file = join(world.path, 'old.mbox');
  const first = 'From a@b Mon Nov  2 03:04:05 2026\nStatus: RO\nX-Status: F\nSubject: one\n\n>From quoted\n>>From twice\nFrom nowhere special\n\n';
  writeFileSync(file, `${first}From c@d Mon Nov  2 03:04:06 2026\nSubject: two\n\nbody\n`);
  expect(await world.json('mailbox', 'import', ALICE, file, '--mailbox', 'Old/2026')).toMatchObject({ imported: 2, verified: 2 });
  const at = Date.UTC(2026, 10, 2, 3, 4, 5) / 1000;
  expect(await contentOf()).toEqual({
    'Old/2026': [
      ['\\Flagged \\Seen', at, 'Subject: one\r\n\r\nFrom quoted\r\n>From twice\r\nFrom nowhere special\r\n'],
      ['', at + 1, 'Subject: two\r\n\r\nbody\r\n'],
    ],
  });
  writeFileSync(file, 'Subject: none\n\n');
  await expect(world.run('mailbox', 'import', ALICE, file)).rejects.toThrow('is no mbox');
});

test('a large mailbox that came in is stored as SELECT reads it, a small one is not', async () => {
  const file = join(world.path, 'large.mbox');
  writeFileSync(file, Array.from({ length: 5000 }, (_, n) => `From a@b Mon Nov  2 03:04:05 2026\nSubject: ${n}\n\n`).join(''));
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', many(20)));
  expect(await world.json('mailbox', 'import', ALICE, file, '--mailbox', 'Large')).toMatchObject({ imported: 5000, verified: 5000 });
  const database = await openDatabase<MailstoreTables>({ file: join(world.dataDir, 'mail.sqlite'), store: 'mail', migrations });
  const stored = await database.db.selectFrom('mailbox_snapshots').innerJoin('mailboxes', 'mailboxes.id', 'mailbox_id').select(['name', 'columns']).execute();
  await database.close();
  expect(stored.map(({ name, columns }) => [name, unpackColumns(columns)?.uids.length])).toEqual([['Large', 5000]]);
});

test('with the index in PostgreSQL the same; its backup is left to pg_dump', async () => {
  await using server = await startPostgres();
  await using other = await commandWorld({ mailstore: { database: server.url } });
  expect(await other.json('mailbox', 'import', ALICE, makeMaildir('Maildir', SOME))).toMatchObject({ imported: 5, verified: 5 });
  expect(await other.run('mailbox', 'check', '--digests')).toMatchObject({ status: 0 });
  expect(await other.json('mailbox', 'export', ALICE, join(world.path, 'export'))).toMatchObject({ status: 0 });
  const { lines } = await other.run('mailbox', 'backup', join(world.path, 'backup'));
  expect(lines).toEqual([expect.stringMatching(/^1 files of content copied/), expect.stringContaining('copy it with pg_dump now')]);
});

test('what cannot be done is one line', async () => {
  const root = makeMaildir('Maildir', SOME);
  for (const [args, said] of [
    [['import', ALICE], 'expected ADDRESS PATH'],
    [['import', 'nobody@example.org', root], 'there is no account nobody@example.org: stafette account add nobody@example.org'],
    [['import', ALICE, join(world.path, 'nowhere')], 'cannot be read (ENOENT)'],
    [['import', ALICE, '/dev/null'], 'is no folder and no mbox file'],
    [['import', ALICE, root, '--format', 'pst'], '--format pst: expected'],
    [['export', 'nobody@example.org', join(world.path, 'e')], 'has no mail here'],
    [['check', 'nobody@example.org'], 'has no mail here'],
    [['frobnicate'], 'mailbox frobnicate: expected list'],
  ] as const)
    await expect(world.run('mailbox', ...args)).rejects.toThrow(said);
});

test('check finds content that is gone, with exit status 1', async () => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', SOME));
  expect(await world.run('mailbox', 'check')).toMatchObject({
    status: 0,
    lines: [expect.stringMatching(/^1 accounts, 7 mailboxes, 5 messages/), 'no problem found'],
  });
  const content = join(world.dataDir, 'mail');
  for (const file of readdirSync(content)) if (file.endsWith('.seg')) truncateSync(join(content, file), 100);
  const { status, lines } = await world.run('mailbox', 'check', ALICE, '--digests');
  expect(status).toBe(1);
  expect(lines.at(-1)).toMatch(/^\d problems found$/);
  expect(lines[0]).toMatch(/^alice@example\.org INBOX UID \d: /);
});

test('a backup taken while mail comes and goes is whole, and can be gone on with', async () => {
  await world.run('mailbox', 'import', ALICE, makeMaildir('Maildir', many(50)));
  const target = join(world.path, 'backup');
  await withStore(async (store) => {
    const account = await store.account(ALICE);
    const inbox = await account?.find('INBOX');
    let going = true;
    const traffic = (async () => {
      for (let n = 0; going; n++) {
        const queueId = String(n).padStart(25, '0');
        await store.deliver(Buffer.from(`Subject: ${n}\r\n\r\n${'x'.repeat(5000)}\r\n`), 0, [
          { queueId, recipient: 0, account: ALICE, mailbox: 'INBOX', ownHeader: '', receivedAt: n },
        ]);
        if (n % 3 === 0) await account?.open(inbox?.id ?? 0).expunge([[51 + n, 51 + n]], 'all');
      }
    })();
    try {
      expect((await world.run('mailbox', 'backup', target)).lines[0]).toMatch(/^\d+ messages in .*: \d+ files copied/);
      expect((await world.json('mailbox', 'backup', target)).status).toBe(0);
    } finally {
      going = false;
      await traffic;
    }
  });
  const restored = join(world.path, 'restored');
  cpSync(target, restored, { recursive: true });
  const inbox = (await contentOf(restored))['INBOX'] ?? [];
  expect(inbox.length).toBeGreaterThanOrEqual(50);
  expect(inbox.slice(0, 50).map(([, , text]) => text)).toEqual(Object.values(many(50)).map((text) => text.replaceAll('\n', '\r\n')));
  expect(readdirSync(join(target, 'mail')).every((name) => /\.(seg|eml)$/.test(name))).toBe(true);
});
