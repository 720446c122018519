import { expect, test } from 'vitest';
import { skipsIn, tallyOf } from './tally.ts';

const test1 = { status: 'passed', fullName: 'it works' };
const file = (name: string, status: string, ...assertionResults: { status: string; fullName: string }[]) => ({ name, status, assertionResults });

test('passed and failed tests are counted', () => {
  const report = { testResults: [file('a.test.ts', 'failed', test1, { status: 'failed', fullName: 'it fails' })] };
  expect(tallyOf(report, 1, [])).toEqual({ passed: 1, failed: 1, unexcused: [] });
});

test('a skipped test failed, unless an entry names it', () => {
  const report = {
    testResults: [file('/x/a.test.ts', 'passed', test1, { status: 'skipped', fullName: 'on a full disk' }, { status: 'todo', fullName: 'later' })],
  };
  const skips = skipsIn('| file | test | reason |\n|---|---|---|\n| `a.test.ts` | on a full disk | needs root |\n');
  expect(skips).toEqual([{ file: 'a.test.ts', test: 'on a full disk', reason: 'needs root' }]);
  expect(tallyOf(report, 0, skips)).toEqual({ passed: 1, failed: 1, unexcused: ['/x/a.test.ts: later'] });
});

test('a file that could not be loaded, or leaked, is one failure', () => {
  expect(tallyOf({ testResults: [file('a.test.ts', 'failed')] }, 1, [])).toMatchObject({ passed: 0, failed: 1 });
  expect(tallyOf({ testResults: [file('a.test.ts', 'failed', test1)] }, 1, [])).toMatchObject({ passed: 1, failed: 1 });
});

test('a run that failed without a failed test is one failure', () => {
  expect(tallyOf({ testResults: [file('a.test.ts', 'passed', test1)] }, 1, [])).toMatchObject({ passed: 1, failed: 1 });
});
