// What the runtime promises, proved on whatever Redis the caller brings: standalone, Sentinel and Cluster run the same tests.
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '#shared/config/schema.ts';
import type { KeyedRole } from '#shared/protocol/topology.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startWorld, type World } from '#shared/testing/world.ts';
import { bullKey } from './keys.ts';
import { scripts } from './scripts.ts';
import { sweepOnce } from './sweep.ts';
import type { RunningActors } from './system.ts';

type RedisSettings = NonNullable<ConfigInput['redis']>;

const ROLE: KeyedRole = 'remote-delivery';

/** Tells an entry as a service would, through the shard's group commit. */
export async function tell(world: Pick<World, 'system' | 'clock'>, mailbox: string, entry: string, due = world.clock.now()): Promise<void> {
  const now = world.clock.now();
  await shardOf(world, entry).submit(
    scripts.tell,
    [mailbox, entry, due, now],
    mailbox.includes(':') ? {} : { wakes: [{ role: mailbox as 'router', entry, at: due }] },
  );
}

/** Takes an entry off its mailbox, as an outcome does; false when a newer activation has the key. */
export async function done(world: Pick<World, 'system'>, mailbox: string, epoch: number | '', entry: string): Promise<boolean> {
  return (await shardOf(world, entry).submit(scripts.acknowledge, [mailbox, String(epoch), entry])) === 1;
}

function shardOf({ system }: Pick<World, 'system'>, entry: string) {
  const shards = system.shards;
  let hash = 0;
  for (const letter of entry.split('@')[0] ?? '') hash = (hash * 31 + letter.charCodeAt(0)) % shards.length;
  return shards[hash] as (typeof shards)[number];
}

const stop = (actors: readonly RunningActors[]) => Promise.all(actors.map((each) => each.drain(AbortSignal.timeout(10_000))));

export function runtimeSuite(name: string, settings: () => RedisSettings): void {
  describe(name, () => {
    test('a told entry reaches its actor once, pool or keyed', async () => {
      await using world = await startWorld({ config: { redis: settings() } });
      const got: string[] = [];
      const pool = await world.system.startPool('router', () => ({
        receive: async (entry) => {
          got.push(entry);
          await done(world, 'router', '', entry);
        },
      }));
      const keyed = await world.system.startKeyed(ROLE, ({ key, epoch }) => ({
        window: () => 3,
        receive: async (entry) => {
          got.push(entry);
          await done(world, `${ROLE}:${key}`, epoch, entry);
        },
      }));
      const wanted = Array.from({ length: 40 }, (_, i) => `e${i}`);
      await Promise.all(wanted.map((entry, i) => tell(world, i % 2 ? 'router' : `${ROLE}:k${i % 5}`, entry)));
      await eventually(() => expect(got.toSorted()).toEqual(wanted.toSorted()));
      await eventually(async () => expect((await world.system.depths()).every((depth) => depth.due + depth.delayed === 0)).toBe(true));
      await stop([pool, keyed]);
    });

    test('the same key on several shards: light traffic reaches the activation of its own shard', async () => {
      await using world = await startWorld({ config: { redis: { ...settings(), shards: 4 } } });
      const wrong: string[] = [];
      let got = 0;
      const keyed = await world.system.startKeyed(ROLE, ({ key, epoch, shard }) => ({
        window: () => 3,
        receive: async (entry) => {
          if (shardOf(world, entry).number !== shard) wrong.push(entry);
          await done(world, `${ROLE}:${key}`, epoch, entry);
          got++;
        },
      }));
      for (let i = 0; i < 60; i++) {
        await tell(world, `${ROLE}:same`, `s${i}`);
        await eventually(() => expect(got).toBe(i + 1));
      }
      expect(wrong).toEqual([]);
      await stop([keyed]);
    });

    test('mail to a key that sleeps for an hour starts within a second', async () => {
      await using world = await startWorld({ config: { redis: settings() } });
      const got: string[] = [];
      const keyed = await world.system.startKeyed(ROLE, ({ key, epoch }) => ({
        window: () => 3,
        receive: async (entry) => {
          got.push(entry);
          await done(world, `${ROLE}:${key}`, epoch, entry);
        },
      }));
      await tell(world, `${ROLE}:sleepy`, 'a@later', world.clock.now() + 3_600_000);
      const told = performance.now();
      await tell(world, `${ROLE}:sleepy`, 'a@now');
      await eventually(() => expect(got).toEqual(['a@now']));
      expect(performance.now() - told).toBeLessThan(1000);
      await stop([keyed]);
    });

    test('an actor that throws is tried again, and its entry is kept as a dead letter that can be replayed or dropped', async () => {
      await using world = await startWorld({ config: { redis: settings() } });
      let broken = true;
      const got: string[] = [];
      const keyed = await world.system.startKeyed(ROLE, ({ key, epoch }) => ({
        window: () => 1,
        receive: async (entry) => {
          if (broken) throw new Error('the dependency is broken');
          got.push(entry);
          await done(world, `${ROLE}:${key}`, epoch, entry);
        },
      }));
      await tell(world, `${ROLE}:k`, 'x');
      await eventually(() => expect(world.lines.filter((line) => line['msg'] === 'actor failed').length).toBeGreaterThanOrEqual(2), { within: 5000 });
      const shard = shardOf(world, 'x');
      await shard.submit(scripts.bury, [`${ROLE}:k`, '', 'x', JSON.stringify({ error: 'given up', at: 1 })]);
      expect(await world.system.deadLetters(10)).toEqual([{ mailbox: `${ROLE}:k`, entry: 'x', error: 'given up', at: 1 }]);
      broken = false;
      expect(await world.system.replayDeadLetter(`${ROLE}:k`, 'x')).toBe(true);
      await eventually(() => expect(got).toEqual(['x']));
      expect(await world.system.dropDeadLetter(`${ROLE}:k`, 'x')).toBe(false);
      await stop([keyed]);
    });

    test('a wake-up whose job was lost is found by the sweep', async () => {
      await using world = await startWorld({ config: { redis: settings() } });
      const { reader } = world.system;
      const told = [
        { role: ROLE, mailbox: `${ROLE}:k`, entry: 'keyed' },
        { role: 'router', mailbox: 'router', entry: 'pooled' },
      ] as const;
      for (const { role, mailbox, entry } of told) {
        await tell(world, mailbox, entry);
        const jobs = bullKey(shardOf(world, entry).base, role, 'wait');
        await eventually(async () => expect(await reader.llen(jobs)).toBe(1));
        await reader.del(jobs);
      }
      const got: string[] = [];
      const receive = async (entry: string) => void got.push(entry);
      const actors = [await world.system.startPool('router', () => ({ receive })), await world.system.startKeyed(ROLE, () => ({ window: () => 1, receive }))];
      const runtime = { shards: world.system.shards, clock: world.clock, log: world.log, metrics: world.metrics } as Parameters<typeof sweepOnce>[0];
      await eventually(
        async () => {
          for (const shard of world.system.shards) await sweepOnce(runtime, shard, { key: 0, pool: 0 });
          expect(got).toEqual(expect.arrayContaining(['keyed', 'pooled']));
          return true;
        },
        { every: 100 },
      );
      await stop(actors);
    });
  });
}
