// SIGTERM and SIGINT: the first asks for a drain, the second for an end at once.

/**
 * A Ctrl-C reaches a process twice: from the terminal, and passed on by npm (or by the supervising process). What follows
 * the first signal within this time, in milliseconds, is its echo and not a second wish.
 */
const ECHO = 500;

/** Calls `first` at the first signal and `second` at each one after its echo. What it returns begins the same for another reason, once. */
export function onStopSignals(first: (why: string) => void, second: () => void): (why: string) => void {
  let since: number | null = null;
  const begin = (why: string) => {
    if (since !== null) return;
    since = performance.now();
    first(why);
  };
  const handle = (signal: NodeJS.Signals) => {
    if (since === null) begin(signal);
    else if (performance.now() - since > ECHO) second();
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return begin;
}
