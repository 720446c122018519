// Accounts in SQL as the directory sees them: found behind those of the configuration, within seconds of a change, in few queries.
import { rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import { type PostgresServer, startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { createAccountSource } from './account-source.ts';
import { createDirectory } from './config-directory.ts';
import { hashPassword } from './password.ts';
import { openSqlAccounts, type SqlAccounts } from './sql-accounts.ts';

const INPUT: ConfigInput = {
  hostname: 'mx.example.org',
  domains: { 'example.org': { aliases: { sales: 'alice@example.org' } }, 'example.net': { catch_all: 'alice@example.org' } },
  accounts: [
    { address: 'alice@example.org' },
    { address: 'bob@example.org', password_hash: '$scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA' },
  ],
};
const config = schema.parse(INPUT);
const found = (address: string) => ({ kind: 'account', account: { address } });

describe.each(['SQLite', 'PostgreSQL'])('accounts in %s', (engine) => {
  const stack = new AsyncDisposableStack();
  const time = { now: 0, monotonic: () => time.now };
  let store: SqlAccounts;
  let place: { url?: string; file: string };

  beforeAll(async () => {
    const directory = stack.use(await tempDir('accounts'));
    const server: PostgresServer | undefined = engine === 'PostgreSQL' ? stack.use(await startPostgres()) : undefined;
    place = { file: `${directory.path}/mail.sqlite`, ...(server && { url: server.url }) };
    store = stack.adopt(await openSqlAccounts(place), (open) => open.close());
  }, 60_000);
  afterAll(() => stack.disposeAsync());

  test('are added once, listed, given a password and removed', async () => {
    const carol = { address: 'carol@example.org', passwordHash: null, limited: 0 as const, createdAt: 1_700_000_000_000 };
    expect(await Promise.all([store.add(carol), store.add(carol)])).toEqual(expect.arrayContaining([true, false]));
    expect(await store.list()).toEqual([carol]);
    expect(await store.setPassword('carol@example.org', 'hash')).toBe(true);
    expect(await store.find(['nobody@example.org', 'carol@example.org'])).toEqual([{ ...carol, passwordHash: 'hash' }]);
    expect([await store.setPassword('nobody@example.org', 'hash'), await store.remove('nobody@example.org')]).toEqual([false, false]);
    expect([await store.remove('carol@example.org'), await store.remove('carol@example.org')]).toEqual([true, false]);
  });

  test('are found behind the configuration, before its catch-all, and within seconds', async () => {
    await using source = closing(createAccountSource({ ...place, clock: time, life: 3_000 }));
    const directory = createDirectory(() => config, { accounts: source });
    expect(await directory.lookup('dora+news@example.net')).toMatchObject({ kind: 'alias', rule: 'catch-all example.net' });
    expect(await directory.lookup('Erik@example.org')).toEqual({ kind: 'unknown' });
    for (const address of ['dora@example.net', 'erik@example.org', 'sales@example.org'])
      await store.add({ address, passwordHash: null, limited: 0 as const, createdAt: 1 });
    time.now += 3_000;
    expect(await directory.lookup('DORA@example.net')).toEqual(found('dora@example.net'));
    expect(await directory.lookup('dora+news@example.net')).toEqual(found('dora@example.net'));
    expect(await directory.lookup('Erik@example.org')).toEqual(found('erik@example.org'));
    expect(await directory.lookup('sales@example.org')).toMatchObject({ kind: 'alias' });
    await store.remove('erik@example.org');
    time.now += 3_000;
    expect(await directory.lookup('erik@example.org')).toEqual({ kind: 'unknown' });
  });

  test('have a full mailbox only where there is a limit: of their own, or for all', async () => {
    await using source = closing(createAccountSource({ ...place, clock: time }));
    const asked: string[] = [];
    const isFull = async (address: string) => asked.push(address) > 0;
    const directory = (input: ConfigInput = INPUT) => {
      const parsed = schema.parse(input);
      return createDirectory(() => parsed, { accounts: source, isFull });
    };
    await store.add({ address: 'hana@example.org', passwordHash: null, limited: 0, createdAt: 1 });
    for (const address of ['hana@example.org', 'alice@example.org']) expect(await directory().isFull({ address }, 1)).toBe(false);
    expect(await store.setLimited('hana@example.org', 1)).toBe(true);
    time.now += 3_000;
    expect(await directory().isFull({ address: 'hana@example.org' }, 1)).toBe(true);
    expect(await directory({ ...INPUT, mailstore: { quota: '1GB' } }).isFull({ address: 'alice@example.org' }, 1)).toBe(true);
    expect(asked).toEqual(['hana@example.org', 'alice@example.org']);
  });

  test('log in with their own password; one of the configuration without a password may have it here', async () => {
    await using source = closing(createAccountSource({ ...place, clock: time }));
    const { authenticate } = createDirectory(() => config, { accounts: source });
    const passwordHash = await hashPassword('secret');
    for (const address of ['frank@example.org', 'alice@example.org', 'bob@example.org']) await store.add({ address, passwordHash, limited: 0, createdAt: 1 });
    expect(await authenticate('Frank@example.org', 'secret')).toEqual({ address: 'frank@example.org' });
    expect(await authenticate('alice@example.org', 'secret')).toEqual({ address: 'alice@example.org' });
    expect(await authenticate('frank@example.org', 'Secret')).toBeNull();
    expect(await authenticate('bob@example.org', 'secret')).toBeNull();
    expect(await authenticate('nobody@example.org', 'secret')).toBeNull();
  });
});

test('the database is opened for names of ours alone, asked once for many, and opened anew after a failure', async () => {
  await using directory = await tempDir('accounts');
  const blocked = `${directory.path}/a-file`;
  await writeFile(blocked, '');
  await using source = closing(createAccountSource({ file: `${blocked}/mail.sqlite`, clock: { monotonic: () => 0 } }));
  const { lookup } = createDirectory(() => config, { accounts: source });
  expect(await lookup('someone@elsewhere.example')).toEqual({ kind: 'foreign' });
  expect(await lookup('alice@example.org')).toEqual(found('alice@example.org'));
  await expect(lookup('carol@example.org')).rejects.toThrow(/EEXIST|ENOTDIR/);
  await rm(blocked);
  expect(await Promise.all(['carol', 'dora', 'carol'].map(async (name) => await lookup(`${name}@example.org`)))).toEqual(Array(3).fill({ kind: 'unknown' }));
});

function closing<T extends { close(): Promise<void> }>(source: T): T & AsyncDisposable {
  return { ...source, [Symbol.asyncDispose]: () => source.close() };
}
