import { expect, test } from 'vitest';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { keepResult, readResults, type Series } from './results.ts';

const MACHINE = { cores: 2, processor: 'test', memoryGb: 8, kernel: '6', node: 'v26', fileSystem: 'ext4', syncs4k: 1, syncs100k: 1 };
const SERIES: Series = { series: '2026-11-26T00:00:00Z', commit: 'c', command: 'npm run soak', machine: MACHINE };
const RUN = { scenario: 'crashes', target: 'stafette', version: '1', variant: undefined, split: 2, pair: 1, figures: { lost: 0 } };

test('results that are recorded are read again in their order, and the others are not', async () => {
  await using folder = await tempDir('results');
  const first = keepResult(SERIES, RUN, true, folder.path);
  keepResult(SERIES, RUN, false, folder.path);
  const last = keepResult(SERIES, { ...RUN, variant: 'all at once', target: 'postfix' }, true, folder.path);
  expect(readResults('crashes', folder.path)).toEqual([first, last]);
  expect(first).toMatchObject({ ...SERIES, split: 2, figures: { lost: 0 } });
  expect(last).not.toHaveProperty('split'); // Postfix has no roles
});
