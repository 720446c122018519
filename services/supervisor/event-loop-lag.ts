// How long the event loop kept others waiting, from perf_hooks into the metric of that name. It owns one timer.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '#shared/telemetry/metrics.ts';

/** Milliseconds between two looks: the loop of an idle process wakes this often for it. A loop that is held up is seen whatever it is. */
const RESOLUTION = 250;
const EVERY = 10_000;

/** Starts to measure; returns the function that ends it. */
export function measureEventLoopLag(metrics: Pick<Metrics, 'eventLoopLag'>): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  const timer = setInterval(() => {
    record(histogram.percentiles, histogram.count, metrics);
    histogram.reset();
  }, EVERY).unref();
  return () => {
    clearInterval(timer);
    histogram.disable();
  };
}

/** Spreads `count` samples over the metric's buckets as the percentiles (in nanoseconds) say they lie. */
function record(percentiles: ReadonlyMap<number, number>, count: number, metrics: Pick<Metrics, 'eventLoopLag'>): void {
  let counted = 0;
  for (const [percentile, nanoseconds] of percentiles) {
    const upTo = Math.round((percentile / 100) * count);
    const seconds = Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1000);
    for (; counted < upTo; counted++) metrics.eventLoopLag.observe(seconds);
  }
}
