// Wake-ups that wait for the job which carries them. They go at once when none went just before, else together: many that come one after the
// other share their jobs. Owns those that wait: they die with the process, and the sweep finds what they were to wake.
import { MAX_ITEMS } from './pending-items.ts';

export interface RipeningOptions {
  /** How long after some have gone the next ones wait (ms). */
  readonly together: number;
  /** On the monotonic clock. */
  readonly now: () => number;
  /** Called when the time of those that `wait` has come. */
  readonly ripe: () => void;
}

export class Ripening<Wake> {
  readonly #options: RipeningOptions;
  #waiting: Wake[] = [];
  #wentAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RipeningOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get ripe(): boolean {
    return this.#waiting.length > 0 && this.#untilRipe() <= 0;
  }

  add(wake: Wake): void {
    this.#waiting.push(wake);
  }

  /** It has waited: it goes at once, with all others. */
  addRipe(wake: Wake): void {
    this.#waiting.push(wake);
    this.#wentAt = Number.NEGATIVE_INFINITY;
  }

  /** Their transaction did not run. */
  again(wakes: readonly Wake[]): void {
    this.#waiting.unshift(...wakes);
  }

  take(): Wake[] {
    if (!this.ripe) return [];
    this.#wentAt = this.#options.now();
    return this.#waiting.splice(0, MAX_ITEMS);
  }

  wait(): void {
    if (this.#waiting.length === 0) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#options.ripe();
      },
      Math.max(1, this.#untilRipe()),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #untilRipe(): number {
    return this.#wentAt + this.#options.together - this.#options.now();
  }
}
