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

/** Stops this whole thread for so many milliseconds: for where nothing can be awaited, and nothing else waits. */
export function blockThread(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
