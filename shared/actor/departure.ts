// When the next transaction leaves: in the next turn, or some milliseconds later when all that is in it may linger. Owns the timers.
import type { PendingItems } from './pending-items.ts';

/** From one departure to the next (ms), where all that waits may linger. */
const LINGER = 8;

export interface DepartureOptions {
  readonly pending: PendingItems;
  /** There are wake-ups that wait no longer. */
  readonly ripe: () => boolean;
  /** On the monotonic clock. */
  readonly now: () => number;
  readonly leave: () => void;
}

export class Departure {
  readonly #options: DepartureOptions;
  #scheduled = false;
  #lingering: NodeJS.Timeout | undefined;
  #leftAt = Number.NEGATIVE_INFINITY;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Something has to leave now. */
  get due(): boolean {
    const { pending, ripe } = this.#options;
    return ripe() || (pending.length > 0 && this.#linger() <= 0);
  }

  /** Calls `leave` when it is time, which is in the next turn at the earliest: what is submitted together leaves together. */
  schedule(): void {
    if (this.#scheduled) return;
    const linger = this.#linger();
    if (linger > 0) return this.#scheduleIn(linger);
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#options.leave();
    });
  }

  /** A transaction leaves now. */
  left(): void {
    this.#leftAt = this.#options.now();
  }

  stop(): void {
    clearTimeout(this.#lingering);
  }

  #linger(): number {
    const { pending, ripe, now } = this.#options;
    return pending.length > 0 && pending.linger && !ripe() ? this.#leftAt + LINGER - now() : 0;
  }

  #scheduleIn(milliseconds: number): void {
    this.#lingering ??= setTimeout(() => {
      this.#lingering = undefined;
      this.schedule();
    }, milliseconds);
  }
}
