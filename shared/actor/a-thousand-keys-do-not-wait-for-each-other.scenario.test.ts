// A thousand keyed actors in one process: their mail starts at once, on a few connections, and those that hang delay nobody.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { startWorld } from '#shared/testing/world.ts';
import { done, tell } from './runtime.suite.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

const MILLISECONDS_PER_TICK = 10;

/**
 * Milliseconds for which this thread and Redis could have run and got no processor, since their start (proc(5), schedstat), or for which the machine
 * itself had none (stat, steal): none on a machine of our own. The waits judged are without it.
 */
function withheld(): number {
  const of = (pid: number | 'self') => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  const steal = Number(readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/ +/)[8] ?? 0) * MILLISECONDS_PER_TICK;
  return of('self') + of(server.pid) + steal;
}

/** A clock that stands still while the machine is busy with others, to 5 ms: looking costs time too. */
const ours = (() => {
  let [looked, without] = [0, 0];
  return () => {
    const now = performance.now();
    if (now - looked > 5) [looked, without] = [now, withheld()];
    return now - without;
  };
})();

/** The first wait of each entry: who got no processor for longer than a lease lasts is given the rest of its entries again. */
function firstWaits() {
  const waits = new Map<string, number>();
  const received = (entry: string, told: number) => void (waits.has(entry) || waits.set(entry, ours() - told));
  return { waits, received };
}

/** Proves nothing: it ends what hangs, where there is next to no processor too. */
const HANGING = { within: 90_000 };

test('1,000 keys with 10 entries each: none waits over 2 s, on at most 20 connections', { timeout: 120_000 }, async () => {
  await using world = await startWorld({ redis: server, config: { redis: { prefix: 'keys' } } });
  const { waits, received } = firstWaits();
  const told = new Map<string, number>();
  const keyed = await world.system.startKeyed('remote-delivery', ({ key, epoch }) => ({
    window: () => 2,
    receive: async (entry) => {
      received(entry, told.get(entry) as number);
      await done(world, `remote-delivery:${key}`, epoch, entry);
    },
  }));
  const tells: Promise<void>[] = [];
  for (let round = 0; round < 10; round++) {
    const now = ours();
    for (let key = 0; key < 1000; key++) {
      const entry = `${key}.${round}`;
      told.set(entry, now);
      tells.push(tell(world, `remote-delivery:k${key}`, entry));
    }
    await Promise.all(tells.splice(0));
  }
  const connections = String(await server.command('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('stafette')).length;
  await eventually(() => expect(waits.size).toBe(10_000), HANGING);
  await keyed.drain(AbortSignal.timeout(5000));
  expect(connections).toBeLessThanOrEqual(20);
  expect(Math.max(...waits.values())).toBeLessThan(2000);
});

test('1,000 keys that hold their entries do not delay another key', { timeout: 120_000 }, async () => {
  await using world = await startWorld({ redis: server, config: { redis: { prefix: 'tarpit' } } });
  const release = Promise.withResolvers<void>();
  const held = new Set<string>();
  const { waits, received } = firstWaits();
  let told = 0;
  const keyed = await world.system.startKeyed('remote-delivery', ({ key, epoch }) => ({
    window: () => 2,
    receive: async (entry) => {
      if (key.startsWith('tarpit')) {
        held.add(entry);
        await release.promise;
      } else {
        received(entry, told);
      }
      await done(world, `remote-delivery:${key}`, epoch, entry);
    },
  }));
  await Promise.all(Array.from({ length: 1000 }, (_, i) => tell(world, `remote-delivery:tarpit${i}`, `${i}`)));
  await eventually(() => expect(held.size).toBe(1000), HANGING);
  told = ours();
  await Promise.all(Array.from({ length: 100 }, (_, i) => tell(world, 'remote-delivery:fast', `fast${i}`)));
  await eventually(() => expect(waits.size).toBe(100), HANGING);
  expect(Math.max(...waits.values())).toBeLessThan(1000);
  release.resolve();
  await keyed.drain(AbortSignal.timeout(10_000));
});
