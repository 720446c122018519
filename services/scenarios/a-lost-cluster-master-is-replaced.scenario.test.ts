// A master of a Redis Cluster is killed in the middle of a load, and its replica takes over: mail goes on, and what was answered with 250 is there.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startCluster } from '#shared/testing/redis-cluster.ts';
import { judgeThrough, prepareLoad, watchReports } from './testing/load.ts';

test('a master killed under load is replaced by its replica, and nothing is lost', { timeout: 150_000 }, async () => {
  await using cluster = await startCluster({ replicasPerMaster: 1 });
  await using load = await prepareLoad({ messages: 100_000, rate: 100 });
  const redis = { cluster: cluster.nodes.map(({ host, port }) => `${host}:${port}`), replicas: 1 };
  await using product = await startProduct({ config: { ...load.routes, redis } });
  using reports = watchReports(product);
  const verdict = await judgeThrough(product, load, reports, async () => {
    const lost = cluster.servers[0];
    await lost?.kill();
    // It comes back as the replica of its successor: each shard has a replica again, and so can be acknowledged.
    await eventually(async () => String(await cluster.servers[3]?.command('ROLE')).startsWith('master'), { within: 20_000 });
    await lost?.restart();
  });
  expect(verdict).toMatchObject({ lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
