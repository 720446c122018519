// Keys that wait for a job which starts them. They go at once when none went just before, else together: many that come to life one after the other
// share their jobs.
import { MAX_ITEMS } from './pending-items.ts';
import type { WakeKey } from './transaction-batch.ts';

/** How long after some have gone the next ones wait (ms). */
const TOGETHER = 50;

export class RipeningKeys {
  readonly #now: () => number;
  readonly #ripe: () => void;
  #keys: WakeKey[] = [];
  #wentAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `now` on the monotonic clock; `ripe` is called when the time of those that `wait` has come. */
  constructor(now: () => number, ripe: () => void) {
    this.#now = now;
    this.#ripe = ripe;
  }

  get length(): number {
    return this.#keys.length;
  }

  get ripe(): boolean {
    return this.#keys.length > 0 && this.#untilRipe() <= 0;
  }

  add(key: WakeKey): void {
    this.#keys.push(key);
  }

  /** It has waited: it goes at once, with all others. */
  addRipe(key: WakeKey): void {
    this.#keys.push(key);
    this.#wentAt = Number.NEGATIVE_INFINITY;
  }

  /** Their transaction did not run. */
  again(keys: readonly WakeKey[]): void {
    this.#keys.unshift(...keys);
  }

  take(): WakeKey[] {
    if (!this.ripe) return [];
    this.#wentAt = this.#now();
    return this.#keys.splice(0, MAX_ITEMS);
  }

  wait(): void {
    if (this.#keys.length === 0) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#ripe();
      },
      Math.max(1, this.#untilRipe()),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #untilRipe(): number {
    return this.#wentAt + TOGETHER - this.#now();
  }
}
