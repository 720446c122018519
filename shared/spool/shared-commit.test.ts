// Shared commits: who shares with whom, and who gets which error.
import { expect, test } from 'vitest';
import { shareCommits } from './shared-commit.ts';

function recorder(limit: number) {
  const groups: string[][] = [];
  const commits = shareCommits({
    commit: async (items: readonly string[]) => {
      groups.push([...items]);
      if (items.includes('bad')) throw new Error('bad data');
      if (items.includes('away')) throw new Error('the database is away');
      return items.map((item) => item.toUpperCase());
    },
    limit,
    weight: (item) => item.length,
    isFaultOfOne: (error) => String(error).includes('bad'),
  });
  return { groups, commits };
}

test('what arrives together is committed together, in order, up to the limit', async () => {
  const { groups, commits } = recorder(5);
  expect(await Promise.all(['a', 'bb', 'ccc', 'dddddddd', 'e'].map(commits.add))).toEqual(['A', 'BB', 'CCC', 'DDDDDDDD', 'E']);
  expect(groups).toEqual([['a', 'bb'], ['ccc'], ['dddddddd'], ['e']]);
  expect(commits.idle()).toBe(true);
});

test('bad data fails alone; a store that is away fails all of one group, once', async () => {
  const { groups, commits } = recorder(100);
  const results = await Promise.allSettled(['a', 'bad', 'c'].map(commits.add));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  groups.length = 0;
  const away = await Promise.allSettled(['a', 'away'].map(commits.add));
  expect(away.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(groups).toHaveLength(1);
  expect(await commits.add('again')).toBe('AGAIN');
});
