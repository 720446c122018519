// What an activation does about entries that throw, and while its window is full.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startWorld } from '#shared/testing/world.ts';
import { createActorSystem } from './actor-system.ts';
import { done, tell } from './runtime.suite.ts';

const ROLE = 'remote-delivery';

test('throws are counted over all activations of a key, for a pause outlasts an activation', async () => {
  await using world = await startWorld();
  const epochs = new Set<number>();
  const actors = await world.system.startKeyed(ROLE, ({ epoch }) => ({
    window: () => 1,
    receive: () => {
      epochs.add(epoch);
      return Promise.reject(new Error('the dependency is broken'));
    },
  }));
  await tell(world, `${ROLE}:k`, 'x');
  const tries = () => world.lines.filter(({ msg }) => msg === 'actor failed').map((line) => line['tries']);
  await eventually(() => expect(tries()).toEqual([1, 2, 3]), { within: 8_000 });
  expect(epochs.size).toBeGreaterThan(1);
  await actors.drain(AbortSignal.timeout(5_000));
});

test('an entry that comes due while the window is full does not keep the activation busy', async () => {
  await using world = await startWorld();
  const first = Promise.withResolvers<void>();
  const got: string[] = [];
  let asked = 0;
  const actors = await world.system.startKeyed(ROLE, ({ key, epoch }) => ({
    window: () => {
      asked++;
      return 1;
    },
    receive: async (entry) => {
      got.push(entry);
      if (entry === 'slow') await first.promise;
      await done(world, `${ROLE}:${key}`, epoch, entry);
    },
  }));
  await tell(world, `${ROLE}:k`, 'later', world.clock.now() + 300);
  await tell(world, `${ROLE}:k`, 'slow');
  await eventually(() => expect(got).toEqual(['slow']));
  // Past the time after which a mailbox is looked at again.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(asked - before).toBeLessThan(20);
  first.resolve();
  await eventually(() => expect(got).toEqual(['slow', 'later']));
  await actors.drain(AbortSignal.timeout(5_000));
});

test('a lease that was given back is not counted as lost, though its actor takes long to stop', async () => {
  await using world = await startWorld();
  const system = await createActorSystem({ ...world, lease: 2_000 });
  const renewals = async () => Number(/^cmdstat_pexpire:calls=(\d+)/m.exec(String(await world.redis.command('INFO', 'commandstats')))?.[1] ?? 0);
  const stopping = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const busy = Promise.withResolvers<void>();
  const actors = await system.startKeyed(ROLE, ({ key, epoch }) => ({
    window: () => 1,
    linger: 0,
    receive: async (entry) => {
      if (key === 'busy') await busy.promise;
      await done(world, `${ROLE}:${key}`, epoch, entry);
    },
    stop: async () => {
      if (key === 'busy') return;
      stopping.resolve();
      await stopped.promise;
    },
  }));
  await tell(world, `${ROLE}:busy`, 'x');
  await tell(world, `${ROLE}:k`, 'y');
  await stopping.promise;
  // The process renews the leases of all its activations together.
  const before = await renewals();
  await eventually(async () => expect(await renewals()).toBeGreaterThan(before + 1), { within: 10_000 });
  stopped.resolve();
  busy.resolve();
  await actors.drain(AbortSignal.timeout(5_000));
  await system.close();
  expect(world.lines.filter(({ msg, mailbox }) => msg === 'activation aborted' && mailbox === `${ROLE}:k`)).toEqual([]);
});

test('of the keys that one job carries, the one that is another activation now loses its lease, and no other', async () => {
  await using world = await startWorld();
  const system = await createActorSystem({ ...world, lease: 2_000 });
  const aborted: string[] = [];
  const begun = new Set<string>();
  const held = Promise.withResolvers<void>();
  const actors = await system.startKeyed(ROLE, ({ key, epoch }) => ({
    window: () => 1,
    linger: 0,
    receive: async (entry) => {
      begun.add(key);
      await held.promise;
      await done(world, `${ROLE}:${key}`, epoch, entry);
    },
    abort: () => aborted.push(key),
  }));
  await Promise.all(['mine', 'theirs'].map((key) => tell(world, `${ROLE}:${key}`, 'x')));
  await eventually(() => expect(begun.size).toBe(2));
  const field = (key: string, name: string) => world.redis.command('HGET', `${world.system.shards[0]?.base}key:${ROLE}:${key}`, name);
  expect(await field('mine', 'job')).toBe(await field('theirs', 'job'));
  await world.redis.command('HINCRBY', `${world.system.shards[0]?.base}key:${ROLE}:theirs`, 'epoch', '1');
  await eventually(() => expect(aborted).toEqual(['theirs']), { within: 5_000 });
  held.resolve();
  await actors.drain(AbortSignal.timeout(5_000));
  await system.close();
  expect(aborted).toEqual(['theirs']);
});

test('a key that is done with leaves nothing in Redis, and one that learnt something that alone, for a day', async () => {
  await using world = await startWorld();
  const actors = await world.system.startKeyed(ROLE, ({ key, epoch }) => ({
    window: () => 1,
    linger: 0,
    receive: async (entry) => {
      await done(world, `${ROLE}:${key}`, epoch, entry);
    },
    learnt: () => (key === 'wise' ? 'something' : null),
  }));
  const base = world.system.shards[0]?.base;
  const redis = (...command: [string, ...string[]]) => world.redis.command(...command);
  await Promise.all(['plain', 'wise'].map((key) => tell(world, `${ROLE}:${key}`, 'x')));
  await eventually(async () => expect(await redis('HKEYS', `${base}key:${ROLE}:wise`)).toEqual(expect.arrayContaining(['epoch', 'learnt'])));
  await eventually(async () => expect([await redis('ZCARD', `${base}keys:${ROLE}`), await redis('EXISTS', `${base}load:${ROLE}`)]).toEqual([0, 0]));
  expect(await redis('EXISTS', `${base}key:${ROLE}:plain`)).toBe(0);
  expect((await redis('HKEYS', `${base}key:${ROLE}:wise`)) as string[]).toHaveLength(2);
  expect(await redis('TTL', `${base}key:${ROLE}:wise`)).toBeGreaterThan(86_000);
  // Told of something again it is kept until that is done.
  await tell(world, `${ROLE}:wise`, 'later', world.clock.now() + 60_000);
  await eventually(async () => expect(await redis('TTL', `${base}key:${ROLE}:wise`)).toBe(-1));
  await actors.drain(AbortSignal.timeout(5_000));
});
