// Who may go on guessing passwords: failures by client and account within a window of time. Held in memory, bounded, of this process.
import type { Clock } from '#shared/telemetry/clock.ts';

/** Failures by key within a window of time; the oldest key is forgotten when there are too many. */
export class FailureWindows {
  readonly #clock: Clock;
  readonly #length: number;
  readonly #most: number;
  readonly #windows = new Map<string, { readonly since: number; failures: number }>();

  /** `length` in milliseconds; `most` keys are kept. */
  constructor(clock: Clock, length: number, most = 20_000) {
    this.#clock = clock;
    this.#length = length;
    this.#most = most;
  }

  failures(key: string): number {
    return this.#current(key)?.failures ?? 0;
  }

  add(key: string): void {
    const window = this.#current(key);
    if (window) window.failures++;
    else this.#open(key);
  }

  #current(key: string) {
    const window = this.#windows.get(key);
    return window && this.#clock.monotonic() - window.since < this.#length ? window : undefined;
  }

  #open(key: string): void {
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined && this.#windows.size >= this.#most) this.#windows.delete(oldest);
    this.#windows.set(key, { since: this.#clock.monotonic(), failures: 1 });
  }
}
