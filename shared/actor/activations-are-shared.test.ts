// Processes that play a role share its keys: a few busy keys do not all go to the first process that looks, nor stay with it when others join.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type Node, startWorld, type World } from '#shared/testing/world.ts';
import { done, tell } from './runtime.suite.ts';

const ROLE = 'remote-delivery';
/** Milliseconds for one entry, of which two are in hand: with so many of them a key is busy for three seconds, on a fast machine. */
const WORK = 100;
const ENTRIES = 60;

/** A process that plays the role, and what it has done. */
async function play(node: Node) {
  const result = { handled: 0 };
  const actors = await node.system.startKeyed(ROLE, ({ key, epoch }) => ({
    window: () => 2,
    receive: async (entry) => {
      await new Promise((resolve) => setTimeout(resolve, WORK));
      if (await done(node, `${ROLE}:${key}`, epoch, entry)) result.handled++;
    },
  }));
  return Object.assign(result, { drain: () => actors.drain(AbortSignal.timeout(5000)) });
}

const tellAll = (world: World, keys: number, entries: number) =>
  Promise.all(Array.from({ length: keys * entries }, (_, i) => tell(world, `${ROLE}:k${i % keys}`, `e${i}`)));
const sum = (players: readonly { readonly handled: number }[]) => players.reduce((all, { handled }) => all + handled, 0);
/** Activations by process, as Redis counts them. */
const load = (world: World) => world.system.reader.zrange(`${world.system.shards[0]?.base}load:${ROLE}`, '0', '-1', 'WITHSCORES');

test.each([4, 30])('%i keys are shared by three processes', async (keys) => {
  await using world = await startWorld();
  const players = await Promise.all([world, await world.another(), await world.another()].map(play));
  await tellAll(world, keys, ENTRIES);
  await eventually(() => sum(players) === keys * ENTRIES, { within: 40_000 });
  for (const { handled } of players) expect(handled / (keys * ENTRIES)).toBeGreaterThanOrEqual(0.15);
  await Promise.all(players.map((each) => each.drain()));
  expect(await load(world)).toEqual([]);
});

test('processes that join get their share of the keys that are busy elsewhere', async () => {
  await using world = await startWorld();
  const others = [await world.another(), await world.another()];
  const first = await play(world);
  await tellAll(world, 30, 2 * ENTRIES);
  await eventually(() => first.handled > 100, { within: 20_000 });
  const players = [first, ...(await Promise.all(others.map(play)))];
  const before = players.map(({ handled }) => handled);
  await eventually(() => sum(players) === 60 * ENTRIES, { within: 40_000 });
  const counts = players.map(({ handled }, i) => handled - (before[i] ?? 0));
  for (const count of counts) expect(count / counts.reduce((all, each) => all + each)).toBeGreaterThanOrEqual(0.15);
  await Promise.all(players.map((each) => each.drain()));
  expect(await load(world)).toEqual([]);
});
