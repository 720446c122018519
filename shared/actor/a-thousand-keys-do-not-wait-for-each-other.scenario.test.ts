// A thousand keyed actors in one process: their mail starts at once, on a few connections, and those that hang delay nobody.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { startWorld } from '#shared/testing/world.ts';
import { done, tell } from './runtime.suite.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

// A second chance: a shared machine may be away for longer than that.
test('1,000 keys with 10 entries each: none waits over 2 s, on at most 20 connections', { timeout: 60_000, retry: 1 }, async () => {
  await using world = await startWorld({ redis: server, config: { redis: { prefix: 'keys' } } });
  const waits: number[] = [];
  const told = new Map<string, number>();
  let seen = 0;
  const keyed = await world.system.startKeyed('remote-delivery', ({ key, epoch }) => ({
    window: () => 2,
    receive: async (entry) => {
      seen++;
      waits.push(performance.now() - (told.get(entry) as number));
      await done(world, `remote-delivery:${key}`, epoch, entry);
    },
  }));
  const tells: Promise<void>[] = [];
  for (let round = 0; round < 10; round++) {
    for (let key = 0; key < 1000; key++) {
      const entry = `${key}.${round}`;
      told.set(entry, performance.now());
      tells.push(tell(world, `remote-delivery:k${key}`, entry));
    }
    await Promise.all(tells.splice(0));
  }
  const connections = String(await server.command('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('stafette')).length;
  await eventually(() => expect(seen).toBe(10_000), { within: 30_000 });
  await keyed.drain(AbortSignal.timeout(5000));
  expect(connections).toBeLessThanOrEqual(20);
  expect(Math.max(...waits)).toBeLessThan(2000);
});

test('1,000 keys that hold their entries do not delay another key', async () => {
  await using world = await startWorld({ redis: server, config: { redis: { prefix: 'tarpit' } } });
  const release = Promise.withResolvers<void>();
  let held = 0;
  const waits: number[] = [];
  let told = 0;
  const keyed = await world.system.startKeyed('remote-delivery', ({ key, epoch }) => ({
    window: () => 2,
    receive: async (entry) => {
      if (key.startsWith('tarpit')) {
        held++;
        await release.promise;
      } else {
        waits.push(performance.now() - told);
      }
      await done(world, `remote-delivery:${key}`, epoch, entry);
    },
  }));
  await Promise.all(Array.from({ length: 1000 }, (_, i) => tell(world, `remote-delivery:tarpit${i}`, `${i}`)));
  await eventually(() => expect(held).toBe(1000), { within: 20_000 });
  told = performance.now();
  await Promise.all(Array.from({ length: 100 }, (_, i) => tell(world, 'remote-delivery:fast', `fast${i}`)));
  await eventually(() => expect(waits.length).toBe(100));
  expect(Math.max(...waits)).toBeLessThan(1000);
  release.resolve();
  await keyed.drain(AbortSignal.timeout(10_000));
}, 60_000);
