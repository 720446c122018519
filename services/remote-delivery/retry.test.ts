// The retry schedule (RFC 5321 section 4.5.4.1), with time and chance in the test's hand.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expiryOf, retryAt } from './retry.ts';

const MINUTE = 60_000;
const schedule = [5 * MINUTE, 10 * MINUTE, 60 * MINUTE];
const facts = { now: 0, expiry: 1e9, schedule };
const middle = () => 0.5;

test('follows the schedule, and its last delay repeats', () => {
  expect([1, 2, 3, 4, 99].map((attempts) => retryAt({ ...facts, attempts }, middle))).toEqual([5, 10, 60, 60, 60].map((minutes) => minutes * MINUTE));
});

test('the last attempt falls on the expiry, and after it there is none', () => {
  expect(retryAt({ ...facts, attempts: 1, expiry: MINUTE }, middle)).toBe(MINUTE);
  expect(retryAt({ ...facts, attempts: 1, now: MINUTE, expiry: MINUTE }, middle)).toBeNull();
});

test('is never more than 20 % off, and never past the expiry', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.integer({ min: 1, max: 1e9 }),
      (attempts, chance, expiry) => {
        const at = retryAt({ ...facts, attempts, expiry }, () => chance) ?? 0;
        const nominal = schedule[Math.min(attempts, 3) - 1] ?? 0;
        expect(at).toBeLessThanOrEqual(Math.min(nominal * 1.2 + 1, expiry));
        expect(at).toBeGreaterThanOrEqual(Math.min(nominal * 0.8 - 1, expiry));
      },
    ),
  );
});

test('a DSN has its own age', () => {
  const delivery = { max_age: 100, bounce_max_age: 10 };
  expect([expiryOf(5, 'a@example.org', delivery), expiryOf(5, '', delivery)]).toEqual([105, 15]);
});
