// Redis' memory fills with mail that cannot leave: new mail is answered 452, and taken again once the queue has drained.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';
import { mailAnswers } from './testing/talk.ts';

test('a full Redis is a 452 and loses nothing', { timeout: 120_000 }, async () => {
  await using load = await prepareLoad({ messages: 2_500, size: 4_096, retryDelay: 500 });
  await load.sink.setMode('refuse');
  const config = { ...load.routes, redis: { maxmemory: '7MB' }, delivery: { retry: ['1s'], circuit: ['1s'] } };
  await using product = await startProduct({ config });
  using reports = watchReports(product);
  const source = load.send(product);
  await eventually(() => source.acknowledgements.failures >= 100, { within: 60_000 });
  expect(source.acknowledgements.lastFailure).toMatch(/^452 4\.3\.1 /);
  expect(source.acknowledgements.acknowledged).toBeGreaterThan(200);
  await load.sink.setMode('accept');
  const verdict = await judge(product, load, source, reports);
  expect(verdict).toMatchObject({ acknowledged: 2_500, lost: 0, refused: 0, duplicated: 0 });
  await mailAnswers(product, 250);
});
