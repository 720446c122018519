// The tables of proofs: what is met is judged from each run, and a newer commit's runs stand alone.
import { expect, test } from 'vitest';
import { proofParts } from './report-proofs.ts';
import type { Proof, Result } from './results.ts';

const MACHINE = { cores: 2, processor: 'test', memoryGb: 8, kernel: '6', node: 'v26', fileSystem: 'ext4', syncs4k: 1, syncs100k: 1 };
const COMMON = { at: '2026-11-26T00:00:00Z', series: '1', command: 'npm run soak', machine: MACHINE, target: 'stafette', version: '1', pair: 1 };

function run(scenario: Proof, figures: Result['figures'], variant?: string, commit = 'new'): Result {
  return { ...COMMON, scenario, figures, commit, ...(variant && { variant }) };
}

function page(...results: readonly Result[]): string {
  return proofParts((name) => results.filter(({ scenario }) => scenario === name)).join('\n');
}

test('duplicates may be as many as were reported, in doubt included, and not one more; a loss, or a copy in a mailbox, is never met', () => {
  const account = { seed: 7, crashes: 20, acknowledged: 12_345, lost: 0, filedTwice: 0, duplicated: 5, possiblySent: 3, inDoubt: 2 };
  const goal = 'none lost, no more twice than reported';
  expect(page(run('crashes', account))).toContain(`| seed 7 | 20 | 0 | 12,345 | 0 | 5 | 3 | 2 | ${goal}: met |`);
  expect(page(run('crashes', { ...account, duplicated: 6 }))).toContain(`${goal}: missed |`);
  expect(page(run('crashes', { ...account, lost: 1 }))).toContain(`${goal}: missed |`);
  expect(page(run('crashes', { ...account, filedTwice: 1 }))).toContain(`${goal}: missed |`);
});

test('a figure that was not recorded meets nothing', () => {
  expect(page(run('no-duplicates', { acknowledged: 5, lost: 0 }))).toContain(
    '|  | 5 | 0 | not recorded | not recorded | not recorded | none lost, none twice: missed |',
  );
});

test('without crashes a single duplicate is too many', () => {
  const account = { acknowledged: 5, lost: 0, duplicated: 0, possiblySent: 0, inDoubt: 0 };
  expect(page(run('no-duplicates', account))).toContain('none lost, none twice: met |');
  expect(page(run('no-duplicates', { ...account, duplicated: 1, inDoubt: 1 }))).toContain('none lost, none twice: missed |');
});

test('each variant has all runs of its newest commit, and the command of each stands below', () => {
  const old = run('crashes', { seed: 1 }, undefined, 'old');
  const text = page(
    old,
    run('crashes', { seed: 2 }),
    { ...run('crashes', { seed: 3 }), command: 'STAFETTE_SEED=3 npm run soak' },
    run('crashes', {}, 'all at once', 'old'),
  );
  expect(text).not.toContain('| seed 1 |');
  for (const part of ['| seed 2 |', '| seed 3 |', '| all at once |', '- crashes: `npm run soak`', '- crashes: `STAFETTE_SEED=3 npm run soak`'])
    expect(text).toContain(part);
});

test('the least share of a role is held against 15 %, that of a deliverer to a smarthost against nothing at all', () => {
  const five = run('split-shares', { lost: 0, 'router 1': 40, 'router 2': 45.04, 'router 3': 14.96 }, 's5, 30 destinations');
  const one = run('split-shares', { 'router 1': 100, 'remote-delivery 1': 50, 'remote-delivery 2': 47, 'remote-delivery 3': 3 }, 's1, one smarthost');
  const text = page(five, one);
  expect(text).toContain('| s5, 30 destinations | router | 40.0, 45.0, 15.0 | 15.0 % | at least 15 %: missed |');
  expect(text).toContain('|  | remote-delivery | 50.0, 47.0, 3.0 | 3.0 % | every one is used: met |');
});

test('the runtime has a line for each number of keys and way of telling, with the spread of its runs', () => {
  const runs = [30, 10, 20].map((perSecond) =>
    run('tell-to-receive', { perSecond, nodeMicroseconds: 1, redisMicroseconds: 2, activations: 0 }, '4 keys, in bulk'),
  );
  expect(page(...runs)).toContain('| 4 keys, in bulk | 20/s (10 to 30) | 1 µs (1 to 1) | 2 µs (2 to 2) | 0 (0 to 0) |');
});
