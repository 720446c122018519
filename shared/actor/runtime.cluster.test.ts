// The runtime on a Redis Cluster of three masters: sixteen shards over all of them.
import { afterAll, beforeAll, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { RedisServer } from '#shared/testing/redis.ts';
import { type ClusterGroup, startCluster } from '#shared/testing/redis-cluster.ts';
import { startWorld } from '#shared/testing/world.ts';
import { runtimeSuite } from './runtime.suite.ts';
import { scripts } from './scripts.ts';

let group: ClusterGroup;
let number = 0;
beforeAll(async () => {
  group = await startCluster();
}, 30_000);
afterAll(() => group.close());

runtimeSuite('Cluster', () => ({ cluster: group.nodes.map(({ host, port }) => `${host}:${port}`), durability: 'relaxed', prefix: `t${number++}` }));

test.each(['killed', 'stopped'] as const)('a master that is %s is replaced by its replica, and every shard commits again', async (how) => {
  await using replicated = await startCluster({ replicasPerMaster: 1 });
  const [lost, , , successor] = replicated.servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const redis = { cluster: replicated.nodes.map(({ host, port }) => `${host}:${port}`), replicas: 1 };
  await using world = await startWorld({ config: { redis } });
  const commit = () => Promise.all(world.system.shards.map((shard) => shard.submit(scripts.tell, ['remote-delivery:k', 'e', 1, 1])));
  await commit();
  // In the middle of a commit, on every connection: its fate has to be learnt from a master that is not known yet.
  lost.suspend();
  const underway = Promise.all(Array.from({ length: 4 }, commit));
  if (how === 'killed') await lost.kill();
  await eventually(async () => String(await successor.command('ROLE')).startsWith('master'), { within: 20_000 });
  // It comes back as the replica of its successor: each shard has a replica again, and so can be acknowledged.
  if (how === 'killed') await lost.start();
  else lost.resume();
  await underway;
  await eventually(() => world.system.closedBecause() === null, { within: 15_000 });
});
