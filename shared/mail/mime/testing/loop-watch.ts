// Watches how long this thread computes without a turn of the event loop. Counts processor time, so that a busy machine fails no test.

export interface LoopWatch extends Disposable {
  /** Milliseconds of processor time, the longest so far. */
  readonly worst: number;
}

/** Watches until it is disposed. */
export function watchLoop(): LoopWatch {
  let worst = 0;
  let last = spent();
  const look = (): void => {
    const now = spent();
    worst = Math.max(worst, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  return {
    get worst() {
      return worst;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function spent(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
