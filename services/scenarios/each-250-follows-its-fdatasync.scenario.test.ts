// What a 250 promises, seen from the kernel: Redis' append-only file and the content's file are synced before the reply is written. The same
// judge finds violations where Redis syncs once a second, so it can fail.
import { expect, test } from 'vitest';
import type { ConfigInput } from '#shared/config/schema.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { judgeOrder, traceCalls } from './testing/call-order.ts';
import { greeted, sendOn } from './testing/talk.ts';

const SMALL = 25;
const LARGE = 10;
const large = `Subject: large\n\n${`${'x'.repeat(76)}\n`.repeat(2000)}`;

async function tracedRun(directives: readonly string[], settings: ConfigInput['redis']) {
  await using redis = await startRedis({ directives });
  await using folder = await tempDir('calls');
  const config: ConfigInput = { domains: { 'here.test': {} }, accounts: [{ address: 'a@here.test' }], redis: { url: redis.url, ...settings } };
  await using product = await startProduct({ config });
  const tracer = await traceCalls([redis.pid, ...product.pids('smtp-ingress')], folder.path);
  await using dialogue = await greeted(product.smtp);
  for (let n = 0; n < SMALL; n++) await sendOn(dialogue, { to: 'a@here.test' });
  for (let n = 0; n < LARGE; n++) await sendOn(dialogue, { to: 'a@here.test', text: large });
  return judgeOrder(await tracer.stop());
}

test('each 250 follows its fdatasync, in Redis and in the cold tier', { timeout: 60_000 }, async () => {
  const { answered, contentSynced, late } = await tracedRun([], {});
  expect(late).toEqual([]);
  expect(answered).toBe(SMALL + LARGE);
  expect(contentSynced).toBeGreaterThanOrEqual(LARGE);
});

test('the same judge finds a 250 before its fdatasync under everysec', { timeout: 60_000 }, async () => {
  const { answered, late } = await tracedRun(['appendfsync everysec'], { durability: 'relaxed' });
  expect(answered).toBe(SMALL + LARGE);
  expect(late.length).toBeGreaterThan(0);
});

test('the judge finds content that was not synced', () => {
  const write = '7 pwrite64(30</data/content/1.seg>, "body", 4, 0) = 4';
  const sync = '7 fdatasync(30</data/content/1.seg>) = 0';
  const append = ['8 write(9</redis/1.incr.aof>, "0000000000000000000000001", 25) = 25', '8 fdatasync(9</redis/1.incr.aof>) = 0'];
  const answer = '7 write(22<TCP:[1->2]>, "250 2.0.0 Ok: queued as 0000000000000000000000001\\r\\n", 51) = 51';
  expect(judgeOrder([write, sync, ...append, answer]).late).toEqual([]);
  expect(judgeOrder([write, ...append, answer, sync]).late).toHaveLength(1);
  const [begun, ended] = ['7 fdatasync(30</data/content/1.seg> <unfinished ...>', '7 <... fdatasync resumed>) = 0'];
  expect(judgeOrder([begun, write, ended, ...append, answer]).late).toHaveLength(1);
  expect(judgeOrder([write, begun, ended, ...append, answer]).late).toEqual([]);
});
