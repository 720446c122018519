// The runtime on a Redis Cluster of three masters: sixteen shards over all of them.
import { afterAll, beforeAll } from 'vitest';
import { type ClusterGroup, startCluster } from '#shared/testing/redis-cluster.ts';
import { runtimeSuite } from './runtime.suite.ts';

let group: ClusterGroup;
let number = 0;
beforeAll(async () => {
  group = await startCluster();
}, 30_000);
afterAll(() => group.close());

runtimeSuite('Cluster', () => ({ cluster: group.nodes.map(({ host, port }) => `${host}:${port}`), durability: 'relaxed', prefix: `t${number++}` }));
