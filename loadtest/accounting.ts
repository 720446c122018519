// What became of every message: the source's acknowledgements held against the sink's arrivals. Pure.
import type { Arrivals } from './sink.ts';
import type { Acknowledgements } from './source.ts';

/** Recipients, not messages, unless said. */
export interface Account {
  readonly acknowledged: number;
  readonly delivered: number;
  /** Acknowledged and never delivered: must be 0. */
  readonly lost: number;
  /** Numbers of lost messages, the first 20. */
  readonly lostNumbers: readonly number[];
  /** Deliveries beyond the first that no repetition by the source explains. */
  readonly duplicated: number;
  /** Deliveries beyond the first that may be the source's own: it sent the message again after a final dot without a reply. */
  readonly resubmitted: number;
  /** Delivered and never acknowledged: harmless, the source would send it again. */
  readonly unacknowledged: number;
  /** Messages that a later one of the same source session overtook. */
  readonly reordered: number;
  readonly foreign: number;
}

/** Holds one run's acknowledgements against its arrivals. */
export function account(source: Acknowledgements, sink: Arrivals): Account {
  const sums = { acknowledged: 0, delivered: 0, lost: 0, duplicated: 0, resubmitted: 0, unacknowledged: 0 };
  const lostNumbers: number[] = [];
  for (let number = 0; number < source.acknowledgedAt.length; number++) {
    const acknowledged = source.acknowledgedAt[number] !== 0;
    let lost = false;
    for (let recipient = 0; recipient < sink.recipients; recipient++) {
      const copies = sink.counts[number * sink.recipients + recipient] ?? 0;
      const own = Math.min(Math.max(0, copies - 1), source.uncertain[number] ?? 0);
      sums.resubmitted += own;
      sums.duplicated += Math.max(0, copies - 1 - own);
      if (acknowledged) sums.acknowledged += 1;
      if (copies > 0) sums.delivered += 1;
      if (copies > 0 && !acknowledged) sums.unacknowledged += 1;
      lost ||= acknowledged && copies === 0;
      if (acknowledged && copies === 0) sums.lost += 1;
    }
    if (lost && lostNumbers.length < 20) lostNumbers.push(number);
  }
  return { ...sums, lostNumbers, reordered: sink.reordered, foreign: sink.foreign };
}
