// The generated pages: the same results give the same bytes, those in docs/ are up to date, and goals are judged from pairs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { reportPages } from './report.ts';
import { type Result, readResults } from './results.ts';

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url));
const MACHINE = { cores: 2, processor: 'any', memoryGb: 8, kernel: '6.1', node: 'v26.0.0', fileSystem: 'ext4', syncs4k: 5000, syncs100k: 3000 };

function result(scenario: string, target: string, pair: number, figures: Record<string, number>, series = 'A', variant?: string): Result {
  const provenance = { at: '2026-01-02T03:04:05.000Z', commit: 'abc', command: 'npm run loadtest', machine: MACHINE, version: '1' };
  return { ...provenance, series, scenario, target, pair, figures, ...(variant && { variant }) };
}

function page(results: readonly Result[]): string {
  return reportPages((name) => results.filter(({ scenario }) => scenario === name)).get('performance.md') ?? '';
}

/** The table row of a figure, in the order of the page. */
function row(text: string, start: string): string {
  return text.split('\n').find((line) => line.includes(start)) ?? '';
}

test('docs/performance.md and its plots are what the recorded results give', () => {
  const pages = reportPages((name) => readResults(name));
  for (const [name, content] of pages) expect(readFileSync(`${DOCS}/${name}`, 'utf8'), `${name}: npm run loadtest -- report`).toBe(content);
  const plots = existsSync(`${DOCS}/plots`) ? readdirSync(`${DOCS}/plots`).map((name) => `plots/${name}`) : [];
  expect(plots.filter((name) => !pages.has(name))).toEqual([]);
});

describe('a comparison', () => {
  const pair = (number: number, ours: number, theirs: number, series = 'A') => [
    result('s1', 'stafette', number, { endToEnd: ours, accepting: 1, cpuPer1000: 0.5, peakPssMb: 100 }, series),
    result('s1', 'postfix', number, { endToEnd: theirs, accepting: 1, cpuPer1000: 2, peakPssMb: 200 }, series),
  ];

  test('takes the median of the ratios of pairs, not the ratio of medians', () => {
    const text = page([...pair(1, 3000, 1000), ...pair(2, 400, 100), ...pair(3, 1000, 500)]);
    expect(row(text, 'end to end |')).toContain('| 1,000/s (400 to 3,000) | 500/s (100 to 1,000) | 3 (2 to 4) | at least 3 times: met |');
    expect(row(text, 'CPU per 1,000 |')).toContain('at most 1: met');
  });

  test('says when a goal is missed', () => {
    expect(row(page(pair(1, 2900, 1000)), 'end to end |')).toContain('at least 3 times: missed');
  });

  test('uses the newest series that has both targets, and none that is split', () => {
    const half = result('s1', 'postfix', 1, { endToEnd: 7 }, 'C');
    const split = pair(1, 9, 9, 'D').map((run) => ({ ...run, split: 3 }));
    expect(row(page([...pair(1, 1, 1, 'A'), ...pair(1, 5000, 1000, 'B'), half, ...split]), 'end to end |')).toContain('| 5,000/s');
  });
});

test('a slow destination is judged by the difference within pairs', () => {
  const runs = [1, 2, 3].flatMap((number) => [
    result('slow-destination-1', 'stafette', number, { fastSeconds: 5 }, 'A', 'alone'),
    result('slow-destination-1', 'stafette', number, { fastSeconds: 5 + number }, 'A', 'with-slow'),
  ]);
  expect(row(page(runs), '500 to a tarpit')).toContain('2 s (1 to 3) | at most 1 s or 10 %: missed');
});
