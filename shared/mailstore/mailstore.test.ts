// The mail store on SQLite and on PostgreSQL, and what a crash leaves behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { SpoolFullError } from '#shared/spool/cold-store.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { mailstoreConformance } from './mailstore.conformance.ts';
import { openMailstore } from './open-mailstore.ts';

mailstoreConformance('SQLite', async () => ({ url: async () => undefined, dispose: async () => {} }));

mailstoreConformance('PostgreSQL', async () => {
  const server = await startPostgres();
  return { url: (name) => server.createDatabase(name), dispose: () => server.close() };
});

test('PostgreSQL that crashes under deliveries: each fails or is stored, and the repeat files it once', async () => {
  await using server = await startPostgres();
  await using directory = await tempDir('mailstore-crash');
  const store = await openMailstore({ database: server.url, dataDir: directory.path, clock: systemClock, minFree: 0 });
  await store.ensureAccount('a@example.org');
  const deliveries = Array.from({ length: 200 }, () => ({
    queueId: newQueueId(0, Date.now()),
    recipient: 0,
    account: 'a@example.org',
    mailbox: 'INBOX',
    ownHeader: '',
    receivedAt: 0,
  }));
  const deliver = (one: (typeof deliveries)[number]) => store.deliver(Buffer.from('x'), 1, [one]);
  await Promise.all(deliveries.slice(0, 10).map(deliver));
  const during = Promise.allSettled(deliveries.map(deliver));
  await server.crash();
  expect((await during).length).toBe(200);
  await expect(deliver(deliveries[199] as (typeof deliveries)[number])).rejects.toThrow();
  await server.start();
  await Promise.all(deliveries.map(deliver));
  const stored = await store.list('a@example.org', 'INBOX');
  expect(stored.map(({ queueId }) => queueId).sort()).toEqual(deliveries.map(({ queueId }) => queueId).sort());
  expect(stored.map(({ uid }) => uid)).toEqual(stored.map((_, index) => index + 1));
  await store.close();
});

test('kill -9 in the middle of deliveries: what was acknowledged is there, a redelivery is a no-op, index and content agree', async () => {
  await using directory = await tempDir('mailstore-kill');
  const acknowledged = await deliverUntilKilled(directory.path, 600);
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const store = await openMailstore({ dataDir: directory.path, clock, minFree: 0 });
  await store.sweep();
  const held = await store.list('alice@example.org', 'INBOX');
  const uids = new Map(held.map(({ queueId, uid }) => [queueId, uid]));
  for (const [queueId, uid] of acknowledged) expect(uids.get(queueId)).toBe(uid);
  expect(held.map(({ uid }) => uid)).toEqual(held.map((_, index) => index + 1));
  for (const { uid, queueId } of held)
    expect((await store.read('alice@example.org', 'INBOX', uid)).toString()).toMatch(new RegExp(`^X-Own: yes\r\n${queueId} x+$`));

  const [queueId = '', uid = 0] = acknowledged.at(-1) ?? [];
  const again = { queueId, recipient: 0, account: 'alice@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 0 };
  expect(await store.deliver(Buffer.from('again'), 5, [again])).toEqual([{ kind: 'stored', uid, repeated: true }]);
  ahead = 11 * 60_000;
  await store.sweep();
  for (const message of held) await store.read('alice@example.org', 'INBOX', message.uid);
  await store.close();
});

test('what a crash left between content and rows is given back, and nothing else', async () => {
  await using directory = await tempDir('mailstore-orphan');
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const store = await openMailstore({ dataDir: directory.path, clock, minFree: 0 });
  await store.ensureAccount('a@example.org');
  const one = { queueId: newQueueId(0, 0), recipient: 0, account: 'a@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 0 };
  await store.deliver(Buffer.alloc(400_000, 'k'), 0, [one]);
  const large = async (): Promise<string[]> => (await readdir(join(directory.path, 'mail'))).filter((file) => file.endsWith('.eml'));
  await expect(store.deliver(Buffer.alloc(400_000, 'o'), 0, [{ ...one, queueId: newQueueId(0, 1), receivedAt: null as unknown as number }])).rejects.toThrow();
  expect(await large()).toHaveLength(2);
  await store.sweep();
  expect(await large()).toHaveLength(2);
  ahead = 11 * 60_000;
  await store.sweep();
  expect(await large()).toHaveLength(1);
  expect(await store.read('a@example.org', 'INBOX', 1)).toHaveLength(400_000);
  await store.close();
});

test('no room for content is SpoolFullError', async () => {
  await using directory = await tempDir('mailstore-full');
  const store = await openMailstore({ dataDir: directory.path, clock: systemClock, minFree: 1e15 });
  await store.ensureAccount('a@example.org');
  const one = { queueId: newQueueId(0, 0), recipient: 0, account: 'a@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 0 };
  await expect(store.deliver(Buffer.from('x'), 1, [one])).rejects.toThrow(SpoolFullError);
  await store.close();
});

test('nobody else may read the mail', async () => {
  await using directory = await tempDir('mailstore-mode');
  const store = await openMailstore({ dataDir: directory.path, clock: systemClock, minFree: 0 });
  await store.ensureAccount('a@example.org');
  const one = { queueId: newQueueId(0, 0), recipient: 0, account: 'a@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 0 };
  await store.deliver(Buffer.from('x'), 1, [one]);
  const files = [...(await readdir(directory.path)), ...(await readdir(join(directory.path, 'mail'))).map((file) => join('mail', file))];
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect((await stat(join(directory.path, file))).mode & 0o077).toBe(0);
  await store.close();
});

async function deliverUntilKilled(dataDir: string, messages: number): Promise<[string, number][]> {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'delivering.child.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: [string, number][] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [queueId = '', uid = ''] = line.split(' ');
    acknowledged.push([queueId, Number(uid)]);
    if (acknowledged.length === messages) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}
