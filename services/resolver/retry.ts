// When mail that could not go comes due again, and when it is given up (RFC 5321 section 4.5.4.1). Pure.
import type { Config } from '#shared/config/schema.ts';
import { type QueueId, timeOf } from '#shared/spool/queue-id.ts';

/** Each delay is varied by this part, so that what was delayed together does not come due together. */
const JITTER = 0.2;

/** When a message is given up, milliseconds since the epoch; DSNs, whose reverse-path is null, have an age of their own. */
export function expiryOf(id: QueueId, reversePath: string, { max_age, bounce_max_age }: Config['delivery']): number {
  return timeOf(id) + (reversePath === '' ? bounce_max_age : max_age);
}

/**
 * When the attempt after `attempts` (1 or more) is made, milliseconds since the epoch: the last one falls on the expiry. Null: given up.
 * `random` is in [0, 1).
 */
export function nextAttempt(now: number, attempts: number, expiry: number, schedule: readonly number[], random: number): number | null {
  if (now >= expiry) return null;
  const delay = schedule[Math.min(attempts, schedule.length) - 1] ?? 0;
  return Math.min(Math.round(now + delay * (1 - JITTER + 2 * JITTER * random)), expiry);
}
