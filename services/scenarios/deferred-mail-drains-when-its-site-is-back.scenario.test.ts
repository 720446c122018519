// A site refuses connections: its circuit opens, nothing more is attempted but a probe now and then. When a probe succeeds, all mail that
// waited for the site comes due together, whatever its own schedule says.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('deferred mail drains when its site is back', { timeout: 90_000 }, async () => {
  await using load = await prepareLoad({ messages: 500 });
  await load.sink.setMode('refuse');
  await using product = await startProduct({ config: { ...load.routes, delivery: { retry: ['1h'], circuit: ['2s'] } } });
  using reports = watchReports(product);
  const source = load.send(product);
  await source.done;
  await eventually(async () => (await product.metric('outcomes_total', 'kind="delayed"')) > 0, { within: 20_000 });
  const attempts = await product.metric('delivery_attempts_total');
  expect(attempts).toBeLessThan(300);
  await load.sink.setMode('accept');
  const verdict = await judge(product, load, source, reports, 30_000);
  expect(verdict).toMatchObject({ acknowledged: 500, lost: 0, duplicated: 0 });
});
