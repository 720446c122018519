// The master of a Sentinel group is stopped in the middle of a load, so long that another is elected and it comes back believing it is master
// still. With redis.replicas 1 a 250 means that a replica has the message. A master that is killed: each-role-killed-under-load-loses-nothing.
import { expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { startSentinel, UNDER_LOAD } from '#shared/testing/redis-sentinel.ts';
import { judgeThrough, prepareLoad, watchReports } from './testing/load.ts';

test('a failover under load loses nothing', { timeout: 150_000 }, async () => {
  await using group = await startSentinel(UNDER_LOAD);
  await using load = await prepareLoad({ messages: 100_000, rate: 200 });
  await using product = await startProduct({ config: { ...load.routes, redis: group.settings } });
  using reports = watchReports(product);
  const verdict = await judgeThrough(product, load, reports, async () => {
    const old = await group.master();
    old.suspend();
    await group.failedOver(old);
    old.resume();
  });
  expect(verdict).toMatchObject({ lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
