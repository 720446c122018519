// The runtime on one Redis.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { startWorld } from '#shared/testing/world.ts';
import { runtimeSuite, tell } from './runtime.suite.ts';
import { sweepOnce } from './sweep.ts';

let server: RedisServer;
let number = 0;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

runtimeSuite('standalone', () => ({ url: server.url, prefix: `t${number++}` }));

test('a wake-up whose job was lost is found by the sweep', async () => {
  await using world = await startWorld({ redis: server, config: { redis: { prefix: 'lost' } } });
  await tell(world, 'remote-delivery:k', 'keyed');
  await tell(world, 'router', 'pooled');
  for (const role of ['remote-delivery', 'router']) {
    await eventually(async () => expect(await server.command('LLEN', `{lost:0}:bull:${role}:wait`)).toBe(1));
    await server.command('DEL', `{lost:0}:bull:${role}:wait`);
  }
  const got: string[] = [];
  const receive = async (entry: string) => void got.push(entry);
  const actors = [
    await world.system.startPool('router', () => ({ receive })),
    await world.system.startKeyed('remote-delivery', () => ({ window: () => 1, receive })),
  ];
  const runtime = { shards: world.system.shards, clock: world.clock, log: world.log, metrics: world.metrics } as Parameters<typeof sweepOnce>[0];
  await eventually(
    async () => {
      const [shard] = world.system.shards;
      if (shard) await sweepOnce(runtime, shard, { key: 0, pool: 0 });
      expect(got).toContain('keyed');
      expect(got).toContain('pooled');
      return true;
    },
    { every: 100 },
  );
  await Promise.all(actors.map((each) => each.drain(AbortSignal.timeout(5000))));
});
