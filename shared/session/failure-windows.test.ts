import { expect, test } from 'vitest';
import { FailureWindows } from './failure-windows.ts';

test('failures are forgotten when their window is over, and the oldest key when there are too many', () => {
  let now = 0;
  const windows = new FailureWindows({ now: () => now, monotonic: () => now }, 1000, 2);
  windows.add('a');
  windows.add('a');
  expect(windows.failures('a')).toBe(2);
  now = 1000;
  expect(windows.failures('a')).toBe(0);
  for (const key of ['a', 'b', 'c']) windows.add(key);
  expect(['a', 'b', 'c'].map((key) => windows.failures(key))).toEqual([0, 1, 1]);
});
