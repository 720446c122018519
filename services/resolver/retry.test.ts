// The retry schedule and the end of patience.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { expiryOf, nextAttempt } from './retry.ts';

const DAY = 86_400_000;
const NOW = 5_000_000;
const SCHEDULE = [100_000, 200_000, 400_000];
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('delays follow the schedule, the last repeats, each within a fifth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), random, (attempts, chance) => {
      const delay = SCHEDULE[Math.min(attempts, 3) - 1] as number;
      const after = (nextAttempt(NOW, attempts, NOW + DAY, SCHEDULE, chance) as number) - NOW;
      expect(after).toBeGreaterThanOrEqual(delay * 0.8);
      expect(after).toBeLessThanOrEqual(delay * 1.2);
    }),
  );
});

test('the last attempt falls on the expiry, and none comes after', () => {
  expect(nextAttempt(NOW, 3, NOW + 1_000, SCHEDULE, 0.5)).toBe(NOW + 1_000);
  expect(nextAttempt(NOW, 3, NOW, SCHEDULE, 0.5)).toBeNull();
});

test('mail and DSNs are given up at their own ages', () => {
  const { delivery } = schema.parse({ delivery: { max_age: '5d', bounce_max_age: '1d' } });
  const id = newQueueId(0, 10 * DAY);
  expect([expiryOf(id, 'a@example.org', delivery), expiryOf(id, '', delivery)]).toEqual([15 * DAY, 11 * DAY]);
});
