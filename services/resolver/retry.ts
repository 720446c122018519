// When mail that could not go comes due again, and when it is given up (RFC 5321 section 4.5.4.1). Pure.
import type { Config } from '#shared/config/schema.ts';
import { type QueueId, timeOf } from '#shared/spool/queue-id.ts';

/** Each delay is varied by this part, so that what was delayed together does not come due together. */
const JITTER = 0.2;

/** Milliseconds since the epoch of the attempt after `attempts` (1 or more) were made; `random` is in [0, 1). */
export function nextAttempt(now: number, attempts: number, schedule: readonly number[], random: number): number {
  const delay = schedule[Math.min(attempts, schedule.length) - 1] ?? 0;
  return Math.round(now + delay * (1 - JITTER + 2 * JITTER * random));
}

/** True when the message is too old to be tried again; DSNs, whose reverse-path is null, have an age of their own. */
export function isExpired(id: QueueId, reversePath: string, now: number, { max_age, bounce_max_age }: Config['delivery']): boolean {
  return now - timeOf(id) >= (reversePath === '' ? bounce_max_age : max_age);
}
