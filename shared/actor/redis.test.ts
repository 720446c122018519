// What a connection makes of answers that come late or never. Between a client and its first sentinel stands a relay that can hold them back.
import { connect, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { type SentinelGroup, startSentinel } from '#shared/testing/redis-sentinel.ts';
import { classify } from './errors.ts';
import { createConnector } from './redis.ts';

const silent = pino({ level: 'silent' });

let group: SentinelGroup;
beforeAll(async () => {
  group = await startSentinel();
}, 30_000);
afterAll(() => group.close());

/** Relays connections to `target`; while it holds, new ones are accepted and nothing passes. */
async function startRelay(target: number) {
  const port = await freePort();
  const open = new Set<Socket>();
  const held: (() => void)[] = [];
  let holding = false;
  const server = createServer((client) => {
    const pass = () => {
      const upstream = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const)
        from.pipe(to).on('error', () => from.destroy());
      upstream.on('close', () => open.delete(upstream));
      open.add(upstream);
    };
    open.add(client.on('close', () => open.delete(client)).on('error', () => client.destroy()));
    if (holding) held.push(pass);
    else pass();
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  return {
    port,
    hold() {
      holding = true;
    },
    waiting: () => held.length,
    release() {
      holding = false;
      for (const pass of held.splice(0)) pass();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function connectThrough(...ports: readonly number[]): Redis & Disposable {
  const { redis } = schema.parse({ redis: { sentinels: ports.map((port) => `127.0.0.1:${port}`), sentinel_name: group.name, replicas: 1 } });
  const client = createConnector(redis, undefined, silent).connect('commands', 'test') as Redis;
  return Object.assign(client, { [Symbol.dispose]: () => client.disconnect() });
}

const roleOf = async (client: Redis): Promise<unknown> => ((await client.role()) as readonly unknown[])[0];
const portOf = (index: number): number => group.sentinels[index]?.port ?? 0;

test('a sentinel that accepts and never answers is passed over', async () => {
  await using relay = await startRelay(portOf(0));
  relay.hold();
  using client = connectThrough(relay.port, portOf(1));
  await eventually(async () => (await roleOf(client)) === 'master', { within: 10_000 });
  expect(relay.waiting()).toBeGreaterThan(0);
}, 30_000);

test('a failover told while the new master is being looked up ends no connection for good', async () => {
  await using relay = await startRelay(portOf(0));
  using client = connectThrough(relay.port, portOf(1));
  await eventually(async () => (await roleOf(client)) === 'master');
  const old = await group.master();
  relay.hold();
  await old.kill();
  await eventually(() => relay.waiting() > 0);
  await group.failedOver(old);
  relay.release();
  await eventually(async () => (await roleOf(client)) === 'master', { within: 20_000 });
}, 60_000);

test('a server that owes an answer for too long is left, and found again', async () => {
  await using server = await startRedis();
  const { redis } = schema.parse({ redis: { url: server.url, replica_timeout: '100ms' } });
  const client = createConnector(redis, undefined, silent, 400).connect('commands', 'test') as Redis;
  await client.set('key', 'value');
  server.suspend();
  const failure = await client.get('key').catch((error: Error) => error);
  expect(failure).toSatisfy((error: Error) => classify(error) === 'retry');
  server.resume();
  await eventually(async () => (await client.get('key')) === 'value');
  client.disconnect();
});

test('a master that is made a replica while a commit waits for copies leaves its fate to be learnt', async () => {
  await using server = await startRedis();
  const client = new Redis(server.connection);
  await client.set('key', 'value');
  const waited = client.wait(1, 0).catch((error: Error) => error);
  await eventually(async () => (await server.info('clients')).get('blocked_clients') === '1');
  await server.command('REPLICAOF', '127.0.0.1', '1');
  expect(await waited).toSatisfy((error: Error) => error.message.startsWith('UNBLOCKED') && classify(error) === 'retry');
  await eventually(() => client.status === 'ready');
  client.disconnect();
});
