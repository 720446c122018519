// Medians, percentiles and spreads. Pure.

/** The middle value, or the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** The smallest value that `share` (0 to 1) of the values do not exceed (nearest rank). NaN of nothing. */
export function percentile(values: Float64Array, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** The median with the lowest and highest value. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/** Differences `to - from`, of those numbers that have both. */
export function latencies(from: Float64Array, to: Float64Array): Float64Array {
  const found = new Float64Array(from.length);
  let length = 0;
  for (let at = 0; at < from.length; at++) {
    const begin = from[at] ?? 0;
    const end = to[at] ?? 0;
    if (begin !== 0 && end !== 0) found[length++] = end - begin;
  }
  return found.subarray(0, length);
}
