// How long the event loop kept others waiting, from perf_hooks into the metric of that name.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { every } from '#shared/telemetry/every.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';

/** Milliseconds between two looks. */
const EVERY = 10_000;
/** Rounds of the loop that one look observes one by one; of more it observes a sample that has so many, and the longest. */
const OBSERVED = 1_000;

/** Starts to measure how long each round of the event loop took, its wait left out; returns the function that ends it. */
export function measureEventLoopLag(metrics: Pick<Metrics, 'eventLoopLag'>): () => void {
  // By rounds and not by a timer, which would wake an idle process to see whether it is idle.
  const histogram = monitorEventLoopDelay({ samplePerIteration: true });
  histogram.enable();
  const endLooks = every(EVERY, () => {
    record(histogram.percentiles, Math.min(histogram.count, OBSERVED), metrics);
    histogram.reset();
  });
  return () => {
    endLooks();
    histogram.disable();
  };
}

/** Spreads `count` observations over the metric's buckets as the percentiles (in nanoseconds) say they lie. */
function record(percentiles: ReadonlyMap<number, number>, count: number, metrics: Pick<Metrics, 'eventLoopLag'>): void {
  if (count === 0) return;
  let counted = 0;
  for (const [percentile, nanoseconds] of percentiles) {
    // The longest is in, however many there were.
    const upTo = percentile === 100 ? Math.max(count, counted + 1) : Math.round((percentile / 100) * count);
    for (; counted < upTo; counted++) metrics.eventLoopLag.observe(nanoseconds / 1e9);
  }
}
