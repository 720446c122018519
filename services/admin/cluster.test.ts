// The operator's view of a Redis Cluster: sixteen shards on three masters are one queue.
import { expect, test } from 'vitest';
import { startCluster } from '#shared/testing/redis-cluster.ts';
import { startAdminWorld } from './testing/admin-world.ts';

test('what lies on every master is listed, traced, held and deleted', async () => {
  await using cluster = await startCluster();
  await using admin = await startAdminWorld({ redis: { cluster: cluster.nodes.map(({ host, port }) => `${host}:${port}`), durability: 'relaxed' } });
  const ids = await Promise.all(Array.from({ length: 48 }, () => admin.send({ to: ['all@example.net'] })));
  const listed = (await admin.ask('GET', '/v1/queue')).json.messages.map(({ id }: { id: string }) => id);
  expect(listed.toSorted()).toEqual(ids.toSorted());
  expect((await admin.ask('GET', '/v1/trace?address=all@example.net&limit=200')).json.messages).toHaveLength(48);
  expect((await admin.ask('GET', '/v1/status')).json.queue.messages).toBe(48);
  expect((await admin.ask('POST', '/v1/queue/hold?all=true')).json).toEqual({ matched: 48, changed: 48 });
  expect((await admin.ask('POST', '/v1/queue/flush')).status).toBe(200);
  expect((await admin.ask('DELETE', '/v1/queue?state=held')).json).toEqual({ matched: 48, changed: 48 });
});
