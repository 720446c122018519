// A few at once, the others in the order of their coming: for work that takes what others need too.

/** Runs a piece of work when fewer than the given number are under way; the result is the work's own. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** Turns for at most `most` at once. */
export function createTurns(most: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place goes on to the next, so that nobody who comes meanwhile passes him.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
