// `stafette account` on the real store: what it makes can log in, what it refuses is one clear line.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyPassword } from '#shared/directory/password.ts';
import { openSqlAccounts } from '#shared/directory/sql-accounts.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { type CommandWorld, commandWorld } from '../testing/command.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
let world: CommandWorld;
beforeAll(async () => {
  world = await commandWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

async function verifies(address: string, password: string): Promise<boolean> {
  const accounts = await openSqlAccounts({ file: join(world.dataDir, 'mail.sqlite') });
  try {
    const [found] = await accounts.find([address]);
    return await verifyPassword(password, found?.passwordHash ?? undefined);
  } finally {
    await accounts.close();
  }
}

test('an account is made with a password that is shown once, listed, given another, and removed with its mail kept', async () => {
  const added = await world.run('account', 'add', 'Carol@Example.org');
  expect(added).toEqual({ status: 0, lines: ['carol@example.org added', expect.stringMatching(/^password: [\w-]{20} \(shown this once\)$/)] });
  const password = added.lines[1]?.split(' ')[1] ?? '';
  expect(await verifies('carol@example.org', password)).toBe(true);
  expect((await world.run('account', 'list')).lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    'ACCOUNT KEPT IN PASSWORD MESSAGES SIZE QUOTA',
    'alice@example.org configuration no 0 0 B none',
    'bob@example.org configuration yes 0 0 B none',
    'carol@example.org database yes 0 0 B none',
  ]);
  const changed = await world.json('account', 'passwd', 'carol@example.org');
  expect(await verifies('carol@example.org', password)).toBe(false);
  expect(await verifies('carol@example.org', String(changed['password']))).toBe(true);
  expect(await world.run('account', 'remove', 'carol@example.org')).toMatchObject({
    lines: [
      'carol@example.org removed; mail for it is refused within seconds',
      'its 0 messages are kept: the same address added again has them; --delete-mail deletes them',
    ],
  });
  await expect(world.run('account', 'remove', 'carol@example.org')).rejects.toThrow(
    'there is no account carol@example.org; its mail is still there: --delete-mail',
  );
  expect((await world.run('account', 'remove', 'carol@example.org', '--delete-mail')).lines).toEqual(['0 messages deleted']);
  await expect(world.run('account', 'remove', 'carol@example.org', '--delete-mail')).rejects.toThrow('there is no account carol@example.org');
});

test('an account of the configuration gets its password here, unless it has one there', async () => {
  await expect(world.run('account', 'add', 'alice@example.org')).rejects.toThrow('stafette account passwd alice@example.org gives it a password');
  const { password } = await world.json('account', 'passwd', 'alice@example.org');
  expect(await verifies('alice@example.org', String(password))).toBe(true);
  await expect(world.run('account', 'passwd', 'bob@example.org')).rejects.toThrow('stands in the configuration');
  await expect(world.run('account', 'remove', 'alice@example.org')).rejects.toThrow('is an account of the configuration');
});

test.each([
  [['add'], 'account add: expected one address'],
  [['add', 'a@example.org', 'b@example.org'], 'expected one address'],
  [['add', 'carol'], 'carol is no address such as'],
  [['add', 'postmaster'], 'postmaster is no address such as'],
  [['add', 'carol@elsewhere.example'], 'add its domain to domains in the configuration first'],
  [['add', 'sales@example.org'], 'sales@example.org is an alias in the configuration'],
  [['add', 'bob@example.org'], 'bob@example.org is an account of the configuration'],
  [['add', 'dora@example.org', '--quota', 'much'], '--quota much: expected a size'],
  [['passwd', 'nobody@example.org'], 'there is no account nobody@example.org'],
  [['remove', 'nobody@example.org'], 'there is no account nobody@example.org'],
  [['frobnicate'], 'account frobnicate: expected add, passwd, quota, list or remove'],
  [['constructor'], 'account constructor: expected'],
])('%j is refused', async (args, said) => {
  await expect(world.run('account', ...args)).rejects.toThrow(said);
});

test('a password comes in by standard input; it stands in no argument', async () => {
  const child = spawn(process.execPath, [MAIN, 'account', 'add', 'erik@example.org', '--password-stdin', '--config', join(world.path, 'c.yaml')]);
  child.stdin.end('correct horse\n');
  const ended = new Promise((resolve) => child.once('close', resolve));
  expect([await text(child.stdout), await text(child.stderr), await ended]).toEqual(['erik@example.org added\n', '', 0]);
  expect(await verifies('erik@example.org', 'correct horse')).toBe(true);
  await expect(world.run('account', 'add', 'erik@example.org')).rejects.toThrow('erik@example.org is there already');
});

test('a quota of its own, and the one for all again', async () => {
  const quota = async () =>
    (((await world.json('account', 'list'))['accounts'] ?? []) as { address: string; quota: number | null }[]).find(({ address }) => address.startsWith('gina'))
      ?.quota;
  await world.run('account', 'add', 'gina@example.org', '--quota', '2MB');
  expect(await quota()).toBe(2 * 1024 * 1024);
  expect((await world.run('account', 'quota', 'gina@example.org', '--quota', '5000')).lines).toEqual(['gina@example.org may hold 4.9 KB']);
  expect(await quota()).toBe(5000);
  await world.run('account', 'quota', 'gina@example.org');
  expect(await quota()).toBeNull();
  await expect(world.run('account', 'quota', 'alice@example.org')).rejects.toThrow('mailstore.quota is its quota');
});

test('removed with --delete-mail, its messages are gone from the store', async () => {
  await world.run('account', 'add', 'frank@example.org');
  const store = await openMailstore({ dataDir: world.dataDir, clock: systemClock, minFree: 0 });
  try {
    const delivery = { queueId: '0'.repeat(25), recipient: 0, account: 'frank@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 1 };
    await store.deliver(Buffer.from('Subject: x\r\n\r\nx\r\n'), 17, [delivery]);
    expect(await world.json('account', 'remove', 'frank@example.org', '--delete-mail')).toEqual({
      ...{ address: 'frank@example.org', removed: true, mail: 'deleted', messages: 1, status: 0 },
    });
    expect(await store.hasAccount('frank@example.org')).toBe(false);
  } finally {
    await store.close();
  }
});

test('whoever gets the address of an account that was removed is said to get its mail, and not its quota', async () => {
  await world.run('account', 'add', 'hugo@example.org', '--quota', '2MB');
  const store = await openMailstore({ dataDir: world.dataDir, clock: systemClock, minFree: 0 });
  try {
    const delivery = { queueId: '1'.repeat(25), recipient: 0, account: 'hugo@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 1 };
    await store.deliver(Buffer.from('Subject: x\r\n\r\nx\r\n'), 17, [delivery]);
    await world.run('account', 'remove', 'hugo@example.org');
    expect((await world.run('account', 'add', 'hugo@example.org')).lines).toContain('it has 1 messages of an account of this name that was removed before');
    expect(await (await store.account('hugo@example.org'))?.quota()).toMatchObject({ limitBytes: null, usedMessages: 1 });
  } finally {
    await store.close();
  }
});
