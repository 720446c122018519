// Content leaves Redis when its site refuses: 2,000 deferred messages of 4 KB cost at most 2 KB each there, with all indexes.

import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { prepareLoad } from './testing/load.ts';

const COUNT = 2_000;

test('a deferred message costs at most 2 KB of Redis', { timeout: 90_000 }, async () => {
  await using load = await prepareLoad({ messages: COUNT, size: 4_096 });
  await load.sink.setMode('refuse');
  await using product = await startProduct({ config: { ...load.routes, delivery: { retry: ['1h'], circuit: ['2s'] } } });
  const redis = new Redis({ path: join(product.dataDir, 'redis/redis.sock') });
  try {
    const used = async () => Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    const before = await used();
    await load.send(product).done;
    await eventually(async () => (await product.metric('spool_messages')) === COUNT && (await product.metric('spool_hot_bytes')) === 0, {
      within: 40_000,
      every: 200,
    });
    const [, keys] = await redis.scan('0', 'MATCH', '*trace', 'COUNT', 1_000_000);
    const trace = await Promise.all(keys.map(async (key) => (await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0));
    // What is on its way to SQL is not the message's: it is capped, and goes.
    const perMessage = ((await used()) - before - trace.reduce((sum, bytes) => sum + bytes, 0)) / COUNT;
    console.log(`${Math.round(perMessage)} bytes a message, ${trace.join(' + ')} of trace`);
    expect(perMessage).toBeLessThan(2_048);
  } finally {
    redis.disconnect();
  }
});
