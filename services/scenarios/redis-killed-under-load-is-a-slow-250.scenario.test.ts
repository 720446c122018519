// Redis dies twice in the middle of a load and comes back: whoever was between the final dot and its reply gets a late 250, nobody a refusal.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('Redis killed under load is a slow 250 and loses nothing', { timeout: 90_000 }, async () => {
  await using load = await prepareLoad({ messages: 3_000 });
  await using product = await startProduct({ config: load.routes });
  using reports = watchReports(product);
  const source = load.send(product);
  for (const acknowledged of [500, 1_500]) {
    await eventually(() => source.acknowledgements.acknowledged > acknowledged, { within: 30_000, every: 2 });
    await product.kill('redis');
  }
  const verdict = await judge(product, load, source, reports);
  expect(verdict).toMatchObject({ acknowledged: 3_000, lost: 0, refused: 0, failures: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
