import { expect, test } from 'vitest';
import { createBatchedCache } from './batched-cache.ts';

function counted(life: number, capacity = 100) {
  const clock = { now: 0, monotonic: () => clock.now };
  const asked: (readonly string[])[] = [];
  let failing: Error | null = null;
  const cache = createBatchedCache<string>({
    clock,
    life,
    capacity,
    load: async (keys) => {
      asked.push(keys);
      if (failing) throw failing;
      return new Map(keys.filter((key) => key !== 'nobody').map((key) => [key, `${key}@${clock.now}`]));
    },
  });
  const fail = (error: Error | null) => {
    failing = error;
  };
  return { cache, clock, asked, fail };
}

test('what is asked in one turn, or while a query is under way, is one query; each key once', async () => {
  const { cache, asked } = counted(1_000);
  const first = ['a', 'b', 'a', 'nobody'].map((key) => cache.get(key));
  await Promise.resolve();
  await Promise.resolve();
  const second = ['b', 'c', 'd'].map((key) => cache.get(key));
  expect(await Promise.all([...first, ...second])).toEqual(['a@0', 'b@0', 'a@0', null, 'b@0', 'c@0', 'd@0']);
  expect(asked).toEqual([
    ['a', 'b', 'nobody'],
    ['c', 'd'],
  ]);
});

test('an answer, and that there is none, is known at once until its time is over', async () => {
  const { cache, clock, asked } = counted(1_000);
  await Promise.all([cache.get('a'), cache.get('nobody')]);
  clock.now = 999;
  expect([cache.get('a'), cache.get('nobody')]).toEqual(['a@0', null]);
  clock.now = 1_000;
  expect(await cache.get('a')).toBe('a@1000');
  expect(asked).toEqual([['a', 'nobody'], ['a']]);
});

test('a failed query is told to those who wait, and asked again by the next', async () => {
  const { cache, fail } = counted(1_000);
  fail(new Error('away'));
  await expect(Promise.all([cache.get('a'), cache.get('b')])).rejects.toThrow('away');
  fail(null);
  expect(await cache.get('a')).toBe('a@0');
});

test('a dictionary of names does not fill the memory', async () => {
  const { cache, asked } = counted(1_000, 3);
  for (const key of ['a', 'b', 'c', 'd']) await cache.get(key);
  expect([cache.get('d'), cache.get('b')]).toEqual(['d@0', 'b@0']);
  await cache.get('a');
  expect(asked.flat()).toEqual(['a', 'b', 'c', 'd', 'a']);
});
