// The runtime on a Redis Cluster of three masters: sixteen shards over all of them.
import { afterAll, beforeAll, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type ClusterGroup, startCluster } from '#shared/testing/redis-cluster.ts';
import { startWorld, type World } from '#shared/testing/world.ts';
import { runtimeSuite } from './runtime.suite.ts';
import { scripts } from './scripts.ts';

let group: ClusterGroup;
let number = 0;
beforeAll(async () => {
  group = await startCluster();
}, 30_000);
afterAll(() => group.close());

const addresses = ({ nodes }: ClusterGroup) => nodes.map(({ host, port }) => `${host}:${port}`);

runtimeSuite('Cluster', () => ({ cluster: addresses(group), durability: 'relaxed', prefix: `t${number++}` }));

const successorOf = (cluster: ClusterGroup) => async () => String(await cluster.servers[3]?.command('ROLE')).startsWith('master');
const commit = ({ system }: World) => Promise.all(system.shards.map((shard) => shard.submit(scripts.tell, ['remote-delivery:k', 'e', 1, 1])));

test('a master that is killed is replaced by its replica, and every shard commits again', async () => {
  // Replaced later than ioredis asks again by itself.
  await using cluster = await startCluster({ replicasPerMaster: 1, directives: ['cluster-node-timeout 5000'] });
  await using world = await startWorld({ config: { redis: { cluster: addresses(cluster), replicas: 1 } } });
  await commit(world);
  // In the middle of a commit, on every connection: its fate has to be learnt from a master that is not known yet.
  cluster.servers[0]?.suspend();
  const underway = Promise.all(Array.from({ length: 4 }, () => commit(world)));
  await cluster.servers[0]?.kill();
  await eventually(successorOf(cluster), { within: 20_000 });
  // It comes back as the replica of its successor: each shard has a replica again, and so can be acknowledged.
  await cluster.servers[0]?.start();
  await underway;
  await eventually(() => world.system.closedBecause() === null, { within: 15_000 });
});

test('a master that falls silent is left when its replica has taken over', async () => {
  await using cluster = await startCluster({ replicasPerMaster: 1 });
  await using world = await startWorld({ config: { redis: { cluster: addresses(cluster), durability: 'relaxed' } } });
  await commit(world);
  cluster.servers[0]?.suspend();
  let committed = false;
  const underway = commit(world).then(() => {
    committed = true;
  });
  await eventually(successorOf(cluster), { within: 20_000 });
  // Earlier than a connection is given up for want of an answer.
  await eventually(() => committed, { within: 20_000 });
  await underway;
});
