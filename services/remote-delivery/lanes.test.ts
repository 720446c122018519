// Who gets a connection when: the limit, the order of those who wait, and what a refusal tells them.
import { expect, test } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import { startSink } from '#shared/testing/sink.ts';
import { Connections } from './connections.ts';
import { type Lane, Lanes } from './lanes.ts';
import { requestTo } from './smtp-client/client.fixture.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';

const POOL = 'dns/mx.example.net';
const settings = { hostname: 'relay.example.org', idleTimeout: 10_000, timeouts: { connect: 1_000, greeting: 1_000, command: 1_000, data: 1_000 } };

async function start(limit: number) {
  const sink = await startSink({ tls: 'none' });
  const connections = new Connections(() => settings, systemClock, Math.random);
  const lanes = new Lanes(connections, () => limit);
  return {
    lanes,
    take: () => lanes.take(POOL, 100),
    async open(): Promise<SmtpConnection> {
      const hosts = [{ name: 'mx', preference: 1, addresses: ['127.0.0.1'] }];
      const opened = await connections.open(POOL, { hosts, port: sink.port, tls: { mode: 'none' }, publicOnly: false });
      if (opened.kind === 'refused') throw new Error(opened.outcome.diagnostic);
      lanes.opened(POOL, opened.connection);
      return opened.connection;
    },
    async [Symbol.asyncDispose]() {
      await connections.close();
      await sink[Symbol.asyncDispose]();
    },
  };
}

/** What a promise holds now; `waits` while it holds nothing. */
const now = (lane: Promise<Lane>): Promise<string> => Promise.race([lane.then(({ kind }) => kind), Promise.resolve().then(() => 'waits')]);

test('places are given up to the limit, then others wait and follow what is under way', async () => {
  await using part = await start(1);
  const first = part.take();
  const second = part.take();
  const third = part.take();
  expect([await now(first), await now(second), await now(third)]).toEqual(['place', 'waits', 'waits']);
  const connection = await part.open();
  expect(await now(second)).toBe('waits');
  const sending = connection.send(requestTo(['a@example.net']));
  const fourth = part.take();
  expect(await now(second)).toBe('connection');
  expect([await now(third), await now(fourth)]).toEqual(['waits', 'waits']);
  const following = connection.send(requestTo(['b@example.net']));
  await sending;
  part.lanes.release(connection, 100);
  expect(await now(third)).toBe('connection');
  await following;
});

test('a kept connection is taken before another is opened', async () => {
  await using part = await start(2);
  expect((await part.take()).kind).toBe('place');
  const connection = await part.open();
  part.lanes.release(connection, 100);
  expect(await part.take()).toEqual({ kind: 'connection', connection });
  expect((await part.take()).kind).toBe('place');
});

test('a refusal is told to all who wait for the same pool, and frees the place', async () => {
  await using part = await start(1);
  await part.take();
  const second = part.take();
  const other = part.lanes.take('dns/other', 100);
  part.lanes.refused(POOL, { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'connection refused' });
  expect(await second).toMatchObject({ kind: 'refused', outcome: { status: '4.4.1' } });
  expect((await other).kind).toBe('place');
});

test('what is given back goes to the next, and a cut ends what runs and what is opened later', async () => {
  await using part = await start(1);
  const first = await part.take();
  const second = part.take();
  part.lanes.giveBack(first, POOL, 100);
  expect((await second).kind).toBe('place');
  part.lanes.cut();
  const connection = await part.open();
  expect(connection.usable).toBe(false);
});
