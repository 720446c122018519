// Power fails in the middle of a load: every process, every Redis and every sentinel are killed in one moment, then started again with the same data.
import { describe, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { expectNothingLost } from './testing/judge-crashes.ts';
import { SENTINEL, STANDALONE } from './testing/kinds-of-redis.ts';
import { watchReports } from './testing/load.ts';
import { prepareMailForEveryRole } from './testing/mail-for-every-role.ts';

describe.each([
  { mode: 'all-in-one, standalone', redis: STANDALONE },
  { mode: 'split, standalone', redis: STANDALONE, split: 1 },
  { mode: 'split, Sentinel', redis: SENTINEL, split: 1 },
])('$mode', ({ redis: kind, split }) => {
  test('everything killed at once loses nothing', { timeout: 120_000 }, async () => {
    await using redis = await kind.start();
    await using load = await prepareMailForEveryRole({ messages: 100_000, rate: 100 });
    await using product = await startProduct({ config: { ...load.config, ...redis.config }, ...(split ? { split } : {}) });
    const source = load.send(product);
    const { acknowledgements } = source;
    await eventually(() => acknowledgements.acknowledged > 200, { within: 30_000 });
    await redis.killWithAll(product);
    const before = acknowledgements.acknowledged;
    await redis.startWithAll(product);
    using reports = watchReports(product);
    await eventually(() => acknowledgements.acknowledged > before + 50, { within: 30_000 });
    source.stop();
    expectNothingLost(await load.judge(product, source, reports));
  });
});
