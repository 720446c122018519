import { Cluster, Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { startRedis } from './redis.ts';
import { startCluster } from './redis-cluster.ts';
import { startSentinel } from './redis-sentinel.ts';

describe.each(['port', 'socket'] as const)('one server on a %s', (listen) => {
  test('keeps what it acknowledged through kill -9 and restart, at the same address', async () => {
    await using server = await startRedis({ listen });
    const redis = new Redis(server.connection);
    await redis.set('key', 'value');
    const first = server.pid;
    await server.restart();
    expect(server.pid).not.toBe(first);
    await eventually(async () => (await redis.get('key')) === 'value');
    redis.disconnect();
  });
});

test('it is configured for durability, and further directives win', async () => {
  await using server = await startRedis({ directives: ['maxmemory 1mb'] });
  const config = async (name: string) => ((await server.command('CONFIG', 'GET', name)) as readonly string[])[1];
  expect(await Promise.all(['appendonly', 'appendfsync', 'maxmemory-policy', 'maxmemory'].map(config))).toEqual(['yes', 'always', 'noeviction', '1048576']);
});

test('a suspended server answers nothing, and goes on where it was', async () => {
  await using server = await startRedis();
  server.suspend();
  const answer = server.command('PING');
  await expect(eventually(() => answer, { within: 100 })).rejects.toThrow(/never settled/);
  server.resume();
  expect(await answer).toBe('PONG');
});

test('a server that cannot start says why', async () => {
  await expect(startRedis({ directives: ['no-such-directive 1'] })).rejects.toThrow(/no-such-directive/);
});

test('the sentinels replace a killed master, with its data', async () => {
  await using group = await startSentinel();
  const old = await group.master();
  const redis = new Redis({ name: group.name, sentinels: [...group.sentinels] });
  redis.on('error', () => {}); // refused while the master is away
  await redis.set('key', 'value');
  await redis.wait(2, 1000);
  await old.kill();
  const master = await group.failedOver(old);
  expect(await master.command('GET', 'key')).toBe('value');
  redis.disconnect();
});

test('a cluster of three masters takes keys of every slot', async () => {
  await using group = await startCluster();
  const cluster = new Cluster([...group.nodes]);
  await Promise.all(Array.from({ length: 50 }, (_, index) => cluster.set(`key-${index}`, index)));
  expect(await cluster.get('key-49')).toBe('49');
  const used = await Promise.all(group.servers.map((server) => server.command('DBSIZE')));
  expect(used.every((keys) => Number(keys) > 0)).toBe(true);
  cluster.disconnect();
}, 20_000);
