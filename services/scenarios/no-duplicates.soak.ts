// The long run of a-run-without-crashes-duplicates-nothing.scenario.test.ts.
import { expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';
import { recordProof } from './testing/record-proof.ts';

test('100,000 messages without crashes: none lost, none twice', { timeout: 900_000 }, async () => {
  await using load = await prepareLoad({ messages: 100_000 });
  await using product = await startProduct({ config: load.routes, split: 2 });
  using reports = watchReports(product);
  const verdict = await judge(product, load, load.send(product), reports, 800_000);
  recordProof('no-duplicates', verdict, '100,000 messages of 2 KB', 2);
  expect(verdict).toMatchObject({ acknowledged: 100_000, lost: 0, duplicated: 0, resubmitted: 0, refused: 0, failures: 0, possiblySent: 0, inDoubt: 0 });
});
