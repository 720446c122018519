// Keys that begin and end all the time, told in bursts, now and for later: each entry comes to its actor without the sweep, which would make
// good for a wake-up that is lost.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { REDIS_KINDS } from '#shared/testing/redis-kinds.ts';
import { type Node, startWorld } from '#shared/testing/world.ts';
import { done } from './runtime.suite.ts';
import { scripts } from './scripts.ts';

const ROLE = 'remote-delivery';
const KEYS = 300;
const BURSTS = 40;

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const CASES = REDIS_KINDS.flatMap((redis) => [1, 2].map((processes) => ({ ...redis, processes })));

test.each(CASES)('$processes of a role on $kind, without a sweep, lose no wake-up', async ({ processes, start }) => {
  await using redis = await start();
  await using world = await startWorld({ config: { redis: redis.settings } });
  // As if another process were about it, for ever.
  await world.system.reader.set(`${world.system.shards[0]?.base}sweeper`, 'nobody');
  const nodes: Node[] = [world];
  while (nodes.length < processes) nodes.push(await world.another());
  const chance = chances(processes);
  const waiting = new Set<string>();
  const play = (node: Node) =>
    node.system.startKeyed(ROLE, ({ key, epoch }) => ({
      window: () => 2,
      linger: key.endsWith('0') ? 100 : 0,
      receive: async (entry) => {
        await new Promise((resolve) => setTimeout(resolve, chance() * 30));
        if (await done(node, `${ROLE}:${key}`, epoch, entry)) waiting.delete(entry);
      },
    }));
  const actors = await Promise.all(nodes.map(play));
  for (let burst = 0; burst < BURSTS; burst++) {
    const [now, from, count] = [world.clock.now(), Math.floor(chance() * KEYS), Math.floor(chance() * (chance() < 0.3 ? KEYS : 20))];
    for (let i = 0; i < count; i++) {
      const entry = `${burst}.${i}`;
      waiting.add(entry);
      const due = chance() < 0.1 ? now + Math.floor(chance() * 300) : now;
      void nodes[i % processes]?.system.shards[0]?.submit(scripts.tell, [`${ROLE}:k${(from + i) % KEYS}`, entry, due, now]);
    }
    await new Promise((resolve) => setTimeout(resolve, chance() * 150));
  }
  await eventually(() => expect([...waiting]).toEqual([]), { within: 30_000 });
  await Promise.all(actors.map((each) => each.drain(AbortSignal.timeout(5_000))));
});
