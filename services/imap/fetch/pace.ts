// Lets the event loop turn during long loops, so that one command over 100,000 messages holds nobody else up.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds that a loop may run between two turns. */
const MOST = 10;
/** Steps between two looks at the clock. */
const STEPS = 64;

export class Pace {
  #since = performance.now();
  #steps = 0;

  /** Count a step: true when it is time for a turn. */
  get due(): boolean {
    return ++this.#steps % STEPS === 0 && performance.now() - this.#since >= MOST;
  }

  /** Lets others work. */
  async turn(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}
