// The lease that an activation has on its key: BullMQ's lock of the job that started it, with a deadline on the monotonic clock, so that a process
// which was paused knows that it may have lost it; and the epoch that fences every commit.
import type { Clock } from '#shared/telemetry/clock.ts';

/** Share of the lease kept between the last commit and its end: clocks of Redis and ours do not run at the same rate. */
const MARGIN = 0.1;

export interface JobLock {
  readonly id: string;
  readonly token: string;
  /** Prefix of the queue's job keys. */
  readonly prefix: string;
}

export class Lease {
  readonly epoch: number;
  readonly lock: { readonly key: string; readonly token: string };
  readonly #clock: Clock;
  readonly #margin: number;
  #deadline: number;
  #aborted = false;

  /** `deadline` on the monotonic clock; `length` is what each renewal brings, in milliseconds. */
  constructor(clock: Clock, length: number, { id, token, prefix }: JobLock, epoch: number, deadline: number) {
    this.epoch = epoch;
    this.lock = { key: `${prefix}${id}:lock`, token };
    this.#clock = clock;
    this.#margin = length * MARGIN;
    this.#deadline = deadline;
  }

  /** It is lost, or given up. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** Milliseconds for which nobody else can be given this key. */
  left(): number {
    return this.#aborted ? 0 : this.#deadline - this.#margin - this.#clock.monotonic();
  }

  extend(deadline: number): void {
    this.#deadline = Math.max(this.#deadline, deadline);
  }

  abort(): void {
    this.#aborted = true;
  }
}
