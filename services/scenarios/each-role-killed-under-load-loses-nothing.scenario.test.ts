// Every role's only process is killed in turn while 50 sessions send; the supervisor starts it again.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { PARTS } from './testing/crashes.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('each role killed under load loses nothing', { timeout: 120_000 }, async () => {
  await using load = await prepareLoad({ messages: 100_000, rate: 200 });
  await using product = await startProduct({ config: load.routes, split: 1 });
  using reports = watchReports(product);
  const source = load.send(product);
  for (const part of PARTS) {
    const { acknowledged } = source.acknowledgements;
    await eventually(() => source.acknowledgements.acknowledged > acknowledged + 100, { within: 30_000 });
    const [pid] = product.pids(part);
    await product.kill(part);
    await eventually(() => product.pids(part).length === 1 && product.pids(part)[0] !== pid, { within: 30_000 });
  }
  await product.ready();
  source.stop();
  const verdict = await judge(product, load, source, reports);
  expect(verdict).toMatchObject({ lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
