// How many messages a destination took lately: what has to be on its way from and to the spool so that no connection waits for it
// (Little's law: rate times latency). A tarpit takes none, so nothing is read ahead for it. Time is given, in milliseconds.

/** About what reading a record and committing an outcome take together under load. */
const SPAN = 100;

export class Pace {
  #span = 0;
  #now = 0;
  #before = 0;

  took(at: number): void {
    this.#turn(at);
    this.#now++;
  }

  /** Messages taken in this span of 100 ms or in the one before, whichever had more. */
  recent(at: number): number {
    this.#turn(at);
    return Math.max(this.#now, this.#before);
  }

  #turn(at: number): void {
    const span = Math.floor(at / SPAN);
    if (span === this.#span) return;
    this.#before = span === this.#span + 1 ? this.#now : 0;
    this.#now = 0;
    this.#span = span;
  }
}
