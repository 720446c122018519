// kill -9 of the local-mailbox process in the middle of its deliveries: another one files what is left, and nothing twice.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type Child, startChild } from '#shared/testing/process.ts';
import { CONTENT, startMailboxWorld } from './testing/mailbox-world.ts';

const MESSAGES = 1000;
const ACCOUNTS = ['alice@example.org', 'bob@example.org'];

test('kill -9 during delivery files everything once', async () => {
  await using mailboxes = await startMailboxWorld();
  const { mailstore, world, dataDir } = mailboxes;
  const serve = (): Promise<Child> =>
    startChild(process.execPath, [join(import.meta.dirname, 'testing/local-mailbox.child.ts'), world.redis.url, dataDir], dataDir);
  const filed = async (): Promise<number> => (await mailstore.list('alice@example.org', 'INBOX')).length;

  const ids = await Promise.all(Array.from({ length: MESSAGES }, () => mailboxes.send(ACCOUNTS)));
  const first = await serve();
  await eventually(async () => (await filed()) > 0, { within: 20_000, every: 1 });
  await first.end('SIGKILL');
  expect(await filed()).toBeLessThan(MESSAGES);

  const second = await serve();
  await mailboxes.idle(50_000);
  await second.end('SIGTERM');
  for (const account of ACCOUNTS) {
    const messages = await mailstore.list(account, 'INBOX');
    expect(messages.map(({ queueId }) => queueId).sort()).toEqual([...ids].sort());
    expect(messages.map(({ uid }) => uid)).toEqual(ids.map((_, index) => index + 1));
    for (const { uid } of messages) expect((await mailstore.read(account, 'INBOX', uid)).subarray(-CONTENT.length).equals(CONTENT)).toBe(true);
  }
});
