// Power fails in the middle of a load: every process and Redis are killed in one moment, then started again with the same data.
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

describe.each([{ mode: 'all-in-one' }, { mode: 'split', split: 1 }])('$mode', ({ split }) => {
  test('everything killed at once loses nothing', { timeout: 120_000 }, async () => {
    await using load = await prepareLoad({ messages: 2_000 });
    await using product = await startProduct({ config: load.routes, ...(split ? { split } : {}) });
    const source = load.send(product);
    await eventually(() => source.acknowledgements.acknowledged > 500, { within: 30_000 });
    await product.killEverything();
    expect(source.acknowledgements.acknowledged).toBeLessThan(2_000);
    await product.start();
    using reports = watchReports(product);
    const verdict = await judge(product, load, source, reports);
    expect(verdict).toMatchObject({ acknowledged: 2_000, lost: 0, refused: 0 });
    expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
  });
});
