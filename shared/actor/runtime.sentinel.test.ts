// The runtime on a replicated Redis watched by Sentinel: the same promises, each commit acknowledged by a replica.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { RedisServer } from '#shared/testing/redis.ts';
import { type SentinelGroup, startSentinel } from '#shared/testing/redis-sentinel.ts';
import { startWorld } from '#shared/testing/world.ts';
import { runtimeSuite, tell } from './runtime.suite.ts';

let group: SentinelGroup;
let number = 0;
beforeAll(async () => {
  group = await startSentinel();
});
afterAll(() => group.close());

runtimeSuite('Sentinel', () => ({ ...group.settings, prefix: `t${number++}` }));

const MAILBOX = 'remote-delivery:k';
const isMaster = async (server: RedisServer) => (await server.info('replication')).get('role') === 'master';

test('a master that is replaced while it lives takes nothing with it that every replica had to acknowledge', { timeout: 120_000 }, async () => {
  const redis = { ...group.settings, replicas: group.servers.length - 1, prefix: 'alive' };
  await using world = await startWorld({ config: { redis } });
  const acknowledged: string[] = [];
  let going = true;
  const telling = [0, 1, 2, 3].map(async (lane) => {
    for (let told = 0; going; told++) {
      await tell(world, MAILBOX, `${lane}.${told}`);
      acknowledged.push(`${lane}.${told}`);
    }
  });
  const goesOn = async () => {
    const before = acknowledged.length;
    await eventually(() => acknowledged.length > before + 100, { within: 60_000 });
  };
  await goesOn();
  const old = await group.master();
  old.suspend();
  // It goes on the moment another has been promoted: the third does not know of that yet.
  const others = group.servers.filter((server) => server !== old);
  await eventually(async () => (await Promise.all(others.map(isMaster))).includes(true), { within: 60_000 });
  old.resume();
  await group.failedOver(old);
  await group.settled();
  await goesOn();
  going = false;
  await Promise.all(telling);
  const there = new Set((await (await group.master()).command('ZRANGE', `{alive:0}:due:${MAILBOX}`, 0, -1)) as string[]);
  expect(acknowledged.filter((entry) => !there.has(entry))).toEqual([]);
});
