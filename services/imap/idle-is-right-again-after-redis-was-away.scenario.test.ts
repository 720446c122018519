// Redis carries the news between processes. When it is away news is lost, and made good as soon as it is back: nobody waits for the store's poll.
import { expect, test } from 'vitest';
import { startRedis } from '#shared/testing/redis.ts';
import type { ImapClient } from './testing/imap-client.ts';
import { ALICE, startImapUnderTest } from './testing/imap-under-test.ts';

/** Milliseconds; the poll comes every 30 s. */
const AGAIN_WITHIN = 10_000;

test('an IDLE session that missed deliveries, flags and expunges is told of them when Redis is back', async () => {
  await using redis = await startRedis();
  await using first = await startImapUnderTest({ redis: redis.url });
  await using second = await first.another();
  await second.deliver(ALICE, ['1\r\n', '2\r\n', '3\r\n']);
  await using idler = await idling(() => first.dial('plain', { patience: AGAIN_WITHIN }));
  await using other = await second.logIn();
  await other.ok('SELECT INBOX');

  await redis.kill();
  await second.deliver(ALICE, ['4\r\n']);
  await other.ok('STORE 2 +FLAGS ($Work)');
  await other.ok('STORE 1 +FLAGS (\\Deleted)');
  await other.ok('EXPUNGE');
  await redis.start();
  expect(await idler.response()).toBe('* 1 EXPUNGE');
  expect(await idler.response()).toBe('* 3 EXISTS');
  expect(await idler.response()).toMatch(/^\* FLAGS \(.* \$Work\)$/);
  expect(await idler.response()).toMatch(/^\* OK \[PERMANENTFLAGS/);
  expect(await idler.response()).toMatch(/^\* 1 FETCH \(FLAGS \(\$Work.*\)\)$/);

  const before = performance.now();
  await second.deliver(ALICE, ['5\r\n']);
  expect(await idler.response()).toBe('* 4 EXISTS');
  expect(performance.now() - before).toBeLessThan(1_000);
}, 30_000);

test('an IDLE session is told what was published while Redis hung', async () => {
  await using redis = await startRedis();
  await using first = await startImapUnderTest({ redis: redis.url });
  await using second = await first.another();
  await using idler = await idling(() => first.dial('plain', { patience: AGAIN_WITHIN }));
  redis.suspend();
  await second.deliver(ALICE, ['1\r\n']);
  redis.resume();
  expect(await idler.response()).toBe('* 1 EXISTS');
}, 30_000);

async function idling(dial: () => Promise<ImapClient>): Promise<ImapClient> {
  const client = await dial();
  await client.ok(`LOGIN ${ALICE} "correct horse"`);
  await client.ok('SELECT INBOX');
  client.send('IDLE');
  await client.response();
  return client;
}
