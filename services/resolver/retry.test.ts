// The retry schedule and the end of patience.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { isExpired, nextAttempt } from './retry.ts';

const DAY = 86_400_000;

test('delays follow the schedule, the last repeats, each within a fifth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempts, random) => {
      const delay = [100_000, 200_000, 400_000][Math.min(attempts, 3) - 1] as number;
      const after = nextAttempt(5_000_000, attempts, [100_000, 200_000, 400_000], random) - 5_000_000;
      expect(after).toBeGreaterThanOrEqual(delay * 0.8);
      expect(after).toBeLessThanOrEqual(delay * 1.2);
    }),
  );
});

test('mail and DSNs are given up at their own ages', () => {
  const { delivery } = schema.parse({ delivery: { max_age: '5d', bounce_max_age: '1d' } });
  const id = newQueueId(0, 10 * DAY);
  expect([14.9, 15].map((day) => isExpired(id, 'a@example.org', day * DAY, delivery))).toEqual([false, true]);
  expect([10.9, 11].map((day) => isExpired(id, '', day * DAY, delivery))).toEqual([false, true]);
});
