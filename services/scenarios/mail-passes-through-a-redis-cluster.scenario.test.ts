// Three masters with a replica each: 16 shards spread over them, every commit acknowledged by a replica.
import { expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { startCluster } from '#shared/testing/redis-cluster.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';

test('300 messages pass through a Redis Cluster', { timeout: 90_000 }, async () => {
  await using cluster = await startCluster({ replicasPerMaster: 1 });
  await using load = await prepareLoad({ messages: 300, sessions: 10 });
  const redis = { cluster: cluster.nodes.map(({ host, port }) => `${host}:${port}`), replicas: 1 };
  await using product = await startProduct({ config: { ...load.routes, redis } });
  using reports = watchReports(product);
  const verdict = await judge(product, load, load.send(product), reports);
  expect(verdict).toMatchObject({ acknowledged: 300, lost: 0, duplicated: 0, refused: 0, failures: 0 });
});
