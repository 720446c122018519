// Notifications between processes over a real Redis: each store here stands for one.
import { expect, test } from 'vitest';
import { createConnector } from '#shared/actor/redis.ts';
import { schema } from '#shared/config/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { AccountStore } from './account-store.ts';
import type { Mailstore } from './mailstore.ts';
import { createNotifier } from './notifier.ts';
import { openMailstore } from './open-mailstore.ts';
import type { MailboxEvent } from './watch.ts';

const log = createLogger('silent');

const delivery = () => ({ queueId: newQueueId(0, 0), recipient: 0, account: 'a@example.org', mailbox: 'INBOX', ownHeader: '', receivedAt: 0 });

async function processes(url: string, dataDir: string): Promise<readonly [Mailstore, Mailstore]> {
  const redis = { connector: createConnector(schema.shape.redis.parse({ url }), undefined, log), prefix: 'test' };
  const open = () => openMailstore({ dataDir, clock: systemClock, minFree: 0, redis, log });
  return [await open(), await open()];
}

test('a change made by one process is told to the watchers of another, once, and after Redis was away they look again', async () => {
  await using redis = await startRedis();
  await using directory = await tempDir('notifier');
  const [writer, reader] = await processes(redis.url, directory.path);
  await writer.ensureAccount('a@example.org');
  const account = (await reader.account('a@example.org')) as AccountStore;
  const inbox = (await account.find('INBOX'))?.id ?? 0;
  const heard: MailboxEvent[] = [];
  const own: MailboxEvent[] = [];
  const watching = await reader.watch({ account: account.id, mailbox: inbox }, (event) => heard.push(event));
  await writer.watch({ account: account.id }, (event) => own.push(event));
  await writer.deliver(Buffer.from('x'), 1, [delivery()]);
  await eventually(() => heard.length === 1);
  await account.open(inbox).storeFlags([[1, 1]], 'add', ['\\Seen']);
  await account.create('Other');
  const changes = [2, 3].map((highestmodseq) => ({ kind: 'changed', mailbox: inbox, highestmodseq }));
  await eventually(() => own.length === 3);
  expect(own).toEqual([...changes, { kind: 'mailboxes' }]);
  expect(heard).toEqual(changes);

  await redis.restart();
  await eventually(() => heard.some(({ kind }) => kind === 'look-again'));
  await eventually(async () => {
    await writer.deliver(Buffer.from('x'), 1, [delivery()]);
    return heard.at(-1)?.kind === 'changed';
  });
  watching.stop();
  const before = heard.length;
  const events = own.length;
  await account.open(inbox).storeFlags([[1, 1]], 'remove', ['\\Seen']);
  await eventually(() => own.length > events);
  expect(heard).toHaveLength(before);
  await writer.close();
  await reader.close();
});

test('with Redis away a watch begins all the same, and changes are made', async () => {
  const redis = await startRedis();
  await using directory = await tempDir('notifier-away');
  const [writer, reader] = await processes(redis.url, directory.path);
  await redis.stop();
  await writer.ensureAccount('a@example.org');
  const account = (await reader.account('a@example.org')) as AccountStore;
  const heard: MailboxEvent[] = [];
  await reader.watch({ account: account.id }, (event) => heard.push(event));
  await writer.deliver(Buffer.from('x'), 1, [delivery()]);
  expect(heard).toEqual([]);
  await redis.start();
  await eventually(() => heard.some(({ kind }) => kind === 'look-again'));
  await writer.close();
  await reader.close();
  await redis.close();
});

test('what no message told, the poll does: of each change once', async () => {
  const standing = [{ id: 7, account_id: 1, highestmodseq: 5 }];
  const notifier = createNotifier({ modseqs: async () => standing, pollEvery: 5 });
  const heard: MailboxEvent[] = [];
  await notifier.watch({ account: 1, mailbox: 7 }, (event) => heard.push(event));
  await eventually(() => heard.length === 1);
  standing[0] = { id: 7, account_id: 1, highestmodseq: 6 };
  await eventually(() => heard.length === 2);
  notifier.publish(1, { kind: 'changed', mailbox: 7, highestmodseq: 7 });
  standing[0] = { id: 7, account_id: 1, highestmodseq: 8 };
  await eventually(() => heard.at(-1)?.kind === 'changed' && heard.length === 4);
  standing.length = 0;
  await eventually(() => heard.at(-1)?.kind === 'gone');
  expect(heard.flatMap((event) => (event.kind === 'changed' ? [event.highestmodseq] : []))).toEqual([5, 6, 7, 8]);
  await notifier.close();
});
