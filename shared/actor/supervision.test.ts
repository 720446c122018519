// What follows from a throw: a pause that grows, a dead letter, or to be put back for a newer process.
import { expect, test } from 'vitest';
import { RecordTooNewError } from '#shared/spool/spool.ts';
import { isGivenUp, isPutBack, pauseAfter } from './supervision.ts';

test('pauses double from a second to five minutes, and after twelve throws an entry is given up', () => {
  const bug = new Error('a bug');
  expect([1, 2, 3, 9, 10].map((tries) => pauseAfter(tries, bug))).toEqual([1_000, 2_000, 4_000, 256_000, 300_000]);
  expect([11, 12].map(isGivenUp)).toEqual([false, true]);
});

test('what is too new is put back: the same short pause however often, and no throw of a bug', () => {
  const tooNew = new RecordTooNewError('record of version 9');
  expect([isPutBack(tooNew), isPutBack(new Error('a bug')), isPutBack('thrown')]).toEqual([true, false, false]);
  expect(pauseAfter(0, tooNew)).toBe(pauseAfter(500, tooNew));
  expect(pauseAfter(0, tooNew)).toBeLessThanOrEqual(30_000);
});
