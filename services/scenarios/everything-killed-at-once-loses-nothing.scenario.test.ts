// Power fails in the middle of a load: every process, every Redis and every sentinel are killed in one moment, then started again with the same data.
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { expectNothingLost } from './testing/judge-crashes.ts';
import { SENTINEL, STANDALONE } from './testing/kinds-of-redis.ts';
import { watchReports } from './testing/load.ts';
import { prepareMailForEveryRole } from './testing/mail-for-every-role.ts';
import { recordProof } from './testing/record-proof.ts';

const MESSAGES = 800;

describe.each([
  { mode: 'all-in-one, standalone', redis: STANDALONE },
  { mode: 'split, Sentinel', redis: SENTINEL, split: 1 },
])('$mode', ({ mode, redis: kind, split }) => {
  test('everything killed at once loses nothing', { timeout: 120_000 }, async () => {
    await using redis = await kind.start();
    // Without a rate: all 50 sessions are in the middle of something when it happens.
    await using load = await prepareMailForEveryRole({ messages: MESSAGES });
    await using product = await startProduct({ config: { ...load.config, ...redis.config }, ...(split ? { split } : {}) });
    const source = load.send(product);
    await eventually(() => source.acknowledgements.acknowledged > MESSAGES / 4, { within: 30_000, every: 2 });
    await redis.killWithAll(product);
    expect(source.acknowledgements.acknowledged).toBeLessThan(MESSAGES);
    await redis.startWithAll(product);
    using reports = watchReports(product);
    const verdict = await load.judge(product, source, reports);
    recordProof('crashes', { crashes: 1, ...verdict }, `everything at once, ${mode}`, split);
    expectNothingLost(verdict);
    expect(source.acknowledgements.acknowledged).toBe(MESSAGES);
  });
});
