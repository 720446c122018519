// What an activation knows of its mailbox without looking, and when it looks again. Having taken all that is due it has credit: what is told is handed
// to it, until a tell says that the credit of its last pull is spent. Publish/subscribe may lose that, so it looks now and then all the same. Pure.

/** It looks ever more rarely (ms): a thousand that wait for slow next hops must not cost a thousand pulls a second. */
export const LOOK = 1000;
const LOOK_RARELY = 8000;

export class Outlook {
  /** All that is due is taken, as far as we know. */
  #exhausted = false;
  #pulling = false;
  #pulledAt = 0;
  #round = 0;
  #spent = 0;
  #look = LOOK;
  /** When the next delayed entry is due (milliseconds since the epoch). */
  #nextDue = Number.POSITIVE_INFINITY;

  get pulling(): boolean {
    return this.#pulling;
  }

  get nextDue(): number {
    return this.#nextDue;
  }

  /** When to look though nobody told of anything, on the monotonic clock. */
  get lookAt(): number {
    return this.#pulledAt + this.#look;
  }

  /** Whether a pull may find something. */
  get promising(): boolean {
    return !this.#exhausted && !this.#pulling;
  }

  /** Begins a pull; returns its number, which the tell that spends its credit names. */
  pull(now: number): number {
    this.#pulling = true;
    this.#pulledAt = now;
    return ++this.#round;
  }

  /** The pull gave `all` that is due, or not; `next` is when more will be, or empty. */
  pulled(all: boolean, next: string): void {
    this.#exhausted = all && this.#spent < this.#round;
    this.#nextDue = next ? Number(next) : Number.POSITIVE_INFINITY;
  }

  /** Whatever came of it. */
  pullEnded(): void {
    this.#pulling = false;
  }

  /** The credit of this pull is spent: what comes next has to be pulled. */
  spent(round: number): void {
    this.#spent = Math.max(this.#spent, round);
    if (this.#spent >= this.#round) this.#exhausted = false;
  }

  /** What was told may not have reached us. */
  missed(): void {
    this.#exhausted = false;
    this.#look = LOOK;
  }

  dueEarlier(at: number): void {
    this.#nextDue = Math.min(this.#nextDue, at);
  }

  /** There may be more after all, by what Redis says. */
  reopen(): void {
    this.#exhausted = false;
  }

  /** Time has passed: a delayed entry is due, or it is time to look. `now` since the epoch, `monotonic` on the monotonic clock. */
  tick(now: number, monotonic: number): void {
    if (now >= this.#nextDue) this.#exhausted = false;
    else if (this.#exhausted && monotonic >= this.lookAt) {
      this.#exhausted = false;
      this.#look = Math.min(LOOK_RARELY, this.#look * 2);
    }
  }
}
