// SIGTERM and SIGINT: the first asks for a drain, the second for an end at once.

/**
 * A Ctrl-C reaches a process twice: from the terminal, and passed on by npm (or by the supervising process). What follows
 * the first signal within this time, in milliseconds, is its echo and not a second wish.
 */
const ECHO = 500;

/** Calls `first` at the first signal and `second` at each one after its echo. */
export function onStopSignals(first: (signal: NodeJS.Signals) => void, second: () => void): void {
  let since: number | null = null;
  const handle = (signal: NodeJS.Signals) => {
    if (since === null) {
      since = performance.now();
      first(signal);
    } else if (performance.now() - since > ECHO) second();
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}
