// Somebody turns off what makes a 250 safe while the product runs: mail is refused within seconds, and taken again when it is mended.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { mailAnswers } from './testing/talk.ts';

test('a Redis that stops syncing is noticed within 12 s', { timeout: 60_000 }, async () => {
  await using redis = await startRedis();
  await using product = await startProduct({ config: { redis: { url: redis.url } } });
  await mailAnswers(product, 250);
  await redis.command('CONFIG', 'SET', 'appendfsync', 'everysec');
  expect(await mailAnswers(product, 451, 1_000, 12_000)).toMatch(/^451 4\.3\.0 /);
  await eventually(async () => expect(await product.readyz()).toMatchObject({ status: 503, body: expect.stringContaining('appendfsync always') as string }), {
    within: 5_000,
  });
  await redis.command('CONFIG', 'SET', 'appendfsync', 'always');
  await mailAnswers(product, 250);
  await product.ready();
});
