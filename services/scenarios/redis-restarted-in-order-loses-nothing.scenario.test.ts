// An operator restarts a Redis of their own (SIGTERM, a moment of absence, start) in the middle of a load.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('a restart of Redis loses nothing and refuses nothing', { timeout: 90_000 }, async () => {
  await using redis = await startRedis();
  await using load = await prepareLoad({ messages: 2_000 });
  await using product = await startProduct({ config: { ...load.routes, redis: { url: redis.url } } });
  using reports = watchReports(product);
  const source = load.send(product);
  await eventually(() => source.acknowledgements.acknowledged > 500, { within: 30_000 });
  await redis.stop();
  await eventually(async () => (await product.readyz()).status === 503, { within: 10_000 });
  await redis.start();
  await product.ready();
  const verdict = await judge(product, load, source, reports);
  expect(verdict).toMatchObject({ acknowledged: 2_000, lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
