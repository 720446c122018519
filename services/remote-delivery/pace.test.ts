// What a destination took lately.
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

test('the fuller of the last two spans counts, and what is older does not', () => {
  const pace = new Pace();
  expect(pace.recent(1000)).toBe(0);
  for (let i = 0; i < 5; i++) pace.took(1010);
  expect(pace.recent(1020)).toBe(5);
  pace.took(1110);
  expect([pace.recent(1120), pace.recent(1210), pace.recent(1399), pace.recent(9000)]).toEqual([5, 1, 0, 0]);
});
