// The retry schedule (RFC 5321 section 4.5.4.1), with time and chance in the test's hand.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import type { Notify } from '#shared/mail/envelope.ts';
import { expiryOf, owesWarning, retryOf, type ScheduledRecipient } from './retry-schedule.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const RECEIVED = 100 * DAY;
const { delivery } = schema.parse({ delivery: { retry: ['5m', '10m', '1h'], bounce_max_age: '1d' } });

const message = (reversePath = 'a@example.org') => ({ head: { receivedAt: RECEIVED, envelope: { reversePath } } });
const at = (age: number, chance = 0.5) => ({ now: RECEIVED + age, chance, delivery });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('follows the schedule, and its last delay repeats', () => {
  const delays = [0, 1, 2, 3, 99].map((attempts) => (retryOf(message(), { attempts }, at(0))?.due ?? 0) - RECEIVED);
  expect(delays).toEqual([5, 10, 60, 60, 60].map((minutes) => minutes * MINUTE));
});

test('the last attempt falls on the expiry, and after it there is none', () => {
  expect(retryOf(message(), { attempts: 9 }, at(5 * DAY - 1))?.due).toBe(RECEIVED + 5 * DAY);
  expect(retryOf(message(), { attempts: 9 }, at(5 * DAY))).toBeNull();
});

test('is never more than 20 % off, never past the expiry, and always whole milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(50), chance, fc.integer({ min: 0, max: 5 * DAY - 1 }), (attempts, random, age) => {
      const due = (retryOf(message(), { attempts }, at(age, random))?.due ?? 0) - RECEIVED;
      const nominal = delivery.retry[Math.min(attempts, 2)] as number;
      expect(Number.isInteger(due)).toBe(true);
      expect(due).toBeLessThanOrEqual(Math.min(age + nominal * 1.2, 5 * DAY));
      expect(due).toBeGreaterThanOrEqual(Math.min(age + nominal * 0.8, 5 * DAY));
    }),
  );
});

test('a null reverse-path, the message’s or the recipient’s own, has its own age', () => {
  const recipient = { attempts: 0 };
  expect(expiryOf(message(), recipient, delivery)).toBe(RECEIVED + 5 * DAY);
  expect(expiryOf(message(''), recipient, delivery)).toBe(RECEIVED + DAY);
  expect(expiryOf(message(), { ...recipient, reversePath: '' }, delivery)).toBe(RECEIVED + DAY);
  expect(expiryOf(message(''), { ...recipient, reversePath: 'owner@list.example' }, delivery)).toBe(RECEIVED + 5 * DAY);
});

test.each([
  [undefined, true],
  [['delay'], true],
  [['success', 'failure', 'delay'], true],
  [['failure'], false],
  [['success'], false],
  [['never'], false],
] as const)('NOTIFY %j: the sender is warned of a delay: %s (RFC 3461 section 4.1)', (notify: readonly Notify[] | undefined, warned) => {
  const recipient: ScheduledRecipient = { attempts: 4, ...(notify && { notify }) };
  expect(retryOf(message(), recipient, at(4 * HOUR))?.warn).toBe(warned);
});

test('the warning comes after its time, once, never to nobody, and not when it is switched off', () => {
  const recipient = { attempts: 4 };
  expect(owesWarning(message(), recipient, at(4 * HOUR - 1))).toBe(false);
  expect(owesWarning(message(), recipient, at(4 * HOUR))).toBe(true);
  expect(owesWarning(message(), { ...recipient, warnedAt: RECEIVED + 4 * HOUR }, at(5 * HOUR))).toBe(false);
  expect(owesWarning(message(''), recipient, at(5 * HOUR))).toBe(false);
  expect(owesWarning(message(), { ...recipient, reversePath: '' }, at(5 * HOUR))).toBe(false);
  expect(owesWarning(message(''), { ...recipient, reversePath: 'owner@list.example' }, at(5 * HOUR))).toBe(true);
  expect(owesWarning(message(), recipient, { ...at(5 * HOUR), delivery: { ...delivery, delay_warning: 0 } })).toBe(false);
});
