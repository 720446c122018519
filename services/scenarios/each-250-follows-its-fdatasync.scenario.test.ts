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
  const config: ConfigInput = { routes: { '*': { transport: 'error' } }, domains: { 'here.test': {} }, accounts: [{ address: 'a@here.test' }], redis: { url: redis.url, ...settings } };
  await using product = await startProduct({ config: { ...config, routes: { 'here.test': { transport: 'local' } } } });
  const tracer = await traceCalls([redis.pid, ...product.pids('smtp-ingress')], folder.path);
  await using dialogue = await greeted(product.smtp);
  for (let n = 0; n < SMALL; n++) await sendOn(dialogue, { to: 'a@here.test' });
  for (let n = 0; n < LARGE; n++) await sendOn(dialogue, { to: 'a@here.test', text: large });
  return judgeOrder(await tracer.stop());
}

test('each 250 follows its fdatasync, in Redis and in the cold tier', { timeout: 60_000 }, async () => {
  const { answered, synced, late } = await tracedRun([], {});
  expect(late).toEqual([]);
  expect(answered).toBe(SMALL + LARGE);
  expect(synced).toBeGreaterThanOrEqual(answered + LARGE);
});

test('the same judge finds a 250 before its fdatasync under everysec', { timeout: 60_000 }, async () => {
  const { answered, late } = await tracedRun(['appendfsync everysec'], { durability: 'relaxed' });
  expect(answered).toBe(SMALL + LARGE);
  expect(late.length).toBeGreaterThan(0);
});
