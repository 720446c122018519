// Processes that play a role share its keys: a few busy keys do not all go to the first process that looks.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startWorld } from '#shared/testing/world.ts';
import { done, tell } from './runtime.suite.ts';

test.each([4, 30])('%i keys are shared by three processes', async (keys) => {
  await using world = await startWorld();
  const nodes = [world, await world.another(), await world.another()];
  const counts = nodes.map(() => 0);
  const actors = await Promise.all(
    nodes.map((node, i) =>
      node.system.startKeyed('remote-delivery', ({ key, epoch }) => ({
        window: () => 2,
        receive: async (entry) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          counts[i] = (counts[i] ?? 0) + 1;
          await done(node, `remote-delivery:${key}`, epoch, entry);
        },
      })),
    ),
  );
  const total = keys * 40;
  await Promise.all(Array.from({ length: total }, (_, i) => tell(world, `remote-delivery:k${i % keys}`, `e${i}`)));
  await eventually(() => expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total), { within: 20_000 });
  for (const count of counts) expect(count / total).toBeGreaterThanOrEqual(0.15);
  await Promise.all(actors.map((each) => each.drain(AbortSignal.timeout(5000))));
});
