import { expect, test } from 'vitest';
import type { Result } from '../results.ts';
import { mailboxPart } from './report.ts';

const MACHINE = { cores: 2, processor: 'test', memoryGb: 8, kernel: '6', node: 'v26', fileSystem: 'ext4', syncs4k: 1, syncs100k: 1 };
const COMMON = { at: '2026-11-26T00:00:00Z', series: '1', commit: 'c', command: 'c', machine: MACHINE, version: '1' };

function run(scenario: string, target: string, variant: string | undefined, pair: number, figures: Result['figures'], split?: number): Result {
  return { ...COMMON, scenario, target, ...(variant && { variant }), ...(split && { split, series: '2' }), pair, figures };
}

function rowOf(results: readonly Result[], text: string): string {
  const part = mailboxPart((name) => results.filter(({ scenario }) => scenario === name));
  return part.split('\n').find((line) => line.startsWith(`| ${text}`)) ?? 'none';
}

test('above 1 Stafette is better, whether more or less is', () => {
  const name = 'mailboxes-delivery-4k';
  const results = [
    run(name, 'stafette', undefined, 1, { visible: 400, cpuPer1000: 1 }),
    run(name, 'dovecot', 'maildir', 1, { visible: 100, cpuPer1000: 3 }),
    run(name, 'dovecot', 'mdbox', 1, { visible: 800, cpuPer1000: 0.25 }),
  ];
  expect(rowOf(results, 'until the last is visible')).toMatch(/\| 4 \(4 to 4\) \| 0\.5 \(0\.5 to 0\.5\) \| ahead: missed \|$/);
  expect(rowOf(results, 'CPU per 1,000')).toMatch(/\| 3 \(3 to 3\) \| 0\.25 \(0\.25 to 0\.25\) \| at least 0\.5: missed \|$/);
});

test('a round that was cut short counts for nothing', () => {
  const name = 'mailboxes-delivery-4k';
  const results = [
    run(name, 'stafette', undefined, 1, { visible: 400 }),
    run(name, 'dovecot', 'maildir', 1, { visible: 100 }),
    run(name, 'dovecot', 'mdbox', 1, { visible: 100 }),
    run(name, 'stafette', undefined, 2, { visible: 1 }),
  ];
  expect(rowOf(results, 'until the last is visible')).toContain('| 400/s (400 to 400) |');
});

test('a bound of Stafette alone is held against the series with several processes, too', () => {
  const name = 'mailboxes-idle';
  const results = [run(name, 'stafette', undefined, 1, { rateP99: 250 }, 2)];
  expect(rowOf(results, '1,000 mailboxes with a session in IDLE each, 2 processes of each role: the same, 99th percentile')).toMatch(
    /at most 200 ms: missed \|$/,
  );
});
