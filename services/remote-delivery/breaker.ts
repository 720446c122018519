// The circuit breaker of one destination. Closed: all goes. Open: nothing goes until a time. Half-open: one message probes.
// Only failures of the site itself count here (nobody answers, the greeting refuses). Its state survives in `learnt`.
import { jittered } from '#shared/protocol/retry-schedule.ts';
import type { Delayed } from '#shared/smtp/outcome.ts';
import type { Clock } from '#shared/telemetry/clock.ts';

export interface BreakerSnapshot {
  /** How many times in a row it has opened; 0 is closed. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** What was seen last. */
  readonly failure?: Pick<Delayed, 'status' | 'diagnostic' | 'host' | 'address'>;
}

const CLOSED: BreakerSnapshot = { level: 0, until: 0 };

export class Breaker {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Milliseconds between probes; the last repeats. Read anew each time: the configuration may change. */
  readonly #delays: () => readonly number[];
  #state: BreakerSnapshot;

  constructor(clock: Clock, random: () => number, delays: () => readonly number[], saved: BreakerSnapshot = CLOSED) {
    this.#clock = clock;
    this.#random = random;
    this.#delays = delays;
    // The runtime keeps an open circuit asleep: who wakes it early is the operator, who wants a probe now.
    this.#state = saved.level > 0 ? { ...saved, until: Math.min(saved.until, clock.now()) } : saved;
  }

  /** The time of the next probe (milliseconds since the epoch) while the circuit is open, else null. */
  closedUntil(): number | null {
    return this.#state.level > 0 && this.#state.until > this.#clock.now() ? this.#state.until : null;
  }

  /** True while a probe decides. */
  get halfOpen(): boolean {
    return this.#state.level > 0 && this.closedUntil() === null;
  }

  /** How many of `full` may go at once, now. */
  window(full: number): number {
    if (this.#state.level === 0) return full;
    return this.halfOpen ? 1 : 0;
  }

  /** What closed the site, while it is not surely open again. */
  get failure(): BreakerSnapshot['failure'] {
    return this.#state.failure;
  }

  /** The site answered as a mail server does. Returns true when this closes the circuit. */
  success(): boolean {
    const closes = this.#state.level > 0;
    this.#state = CLOSED;
    return closes;
  }

  /** The site failed. Many that were under way fail together: they count once. Returns true when this opens the circuit. */
  fail(failure: Delayed): boolean {
    if (this.closedUntil() !== null) return false;
    const { level } = this.#state;
    const delays = this.#delays();
    const delay = delays[Math.min(level, delays.length - 1)] ?? 60_000;
    const { status, diagnostic, host, address } = failure;
    const seen = { status, diagnostic: diagnostic.slice(0, 500), ...(host === undefined ? {} : { host }), ...(address === undefined ? {} : { address }) };
    this.#state = { level: level + 1, until: this.#clock.now() + jittered(delay, this.#random()), failure: seen };
    return true;
  }

  /** To be given to the next activation, or null while closed. */
  snapshot(): BreakerSnapshot | null {
    return this.#state.level === 0 ? null : this.#state;
  }
}

/** Reads what an earlier activation saved; anything else is a closed circuit. */
export function readSnapshot(value: unknown): BreakerSnapshot {
  const { level, until, failure } = (value ?? {}) as Partial<BreakerSnapshot>;
  if (typeof level !== 'number' || typeof until !== 'number' || !Number.isInteger(level) || level < 0) return CLOSED;
  return typeof failure?.diagnostic === 'string' && typeof failure.status === 'string' ? { level, until, failure } : { level, until };
}
