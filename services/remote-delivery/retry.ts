// When a delayed recipient is tried again, and when it is given up (RFC 5321 section 4.5.4.1). Pure: time and chance are given.
import type { Config } from '#shared/config/schema.ts';

/** Delays vary by this much, so that what failed together does not come back together. */
const JITTER = 0.2;

/** `delay` varied by up to 20 %, in whole milliseconds. `random` is in [0, 1). */
export function jittered(delay: number, random: () => number): number {
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random()));
}

/** When a message is given up, milliseconds since the epoch. A null reverse-path is a DSN and has its own limit. */
export function expiryOf(receivedAt: number, reversePath: string, delivery: Pick<Config['delivery'], 'max_age' | 'bounce_max_age'>): number {
  return receivedAt + (reversePath === '' ? delivery.bounce_max_age : delivery.max_age);
}

export interface RetryFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly expiry: number;
  /** Attempts made, this one included. */
  readonly attempts: number;
  /** Milliseconds between attempts; the last repeats. */
  readonly schedule: readonly number[];
}

/** When to try again, milliseconds since the epoch: the last attempt falls on the expiry and not after it. Null: give up. */
export function retryAt({ now, expiry, attempts, schedule }: RetryFacts, random: () => number): number | null {
  if (now >= expiry) return null;
  const delay = schedule[Math.min(Math.max(attempts, 1), schedule.length) - 1] ?? 300_000;
  return Math.min(now + jittered(delay, random), expiry);
}
