// Two processes of each role under full load and nothing dies: no message is lost, none comes twice, none is even suspected to.
import { expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('a run without crashes duplicates nothing', { timeout: 120_000 }, async () => {
  await using load = await prepareLoad({ messages: 3_000 });
  await using product = await startProduct({ config: load.routes, split: 2 });
  using reports = watchReports(product);
  const verdict = await judge(product, load, load.send(product), reports);
  expect(verdict).toMatchObject({ acknowledged: 3_000, lost: 0, duplicated: 0, resubmitted: 0, refused: 0, failures: 0, possiblySent: 0, inDoubt: 0 });
});
