// Time is injected: nothing in services/ or shared/ calls Date.now() on its own, so tests own the hours and days.

export interface Clock {
  /** Wall-clock milliseconds since the epoch: for what is stored or shown. */
  now(): number;
  /** Milliseconds that never jump: for leases, time-outs and latencies. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
