// The columns of a mailbox brought up to date with what has changed since. Pure.
import type { Changes, MessageColumns } from './mailbox-store.ts';
import { mergedRanges, rangesOf } from './uid-set.ts';

interface Piece {
  readonly of: MessageColumns;
  readonly from: number;
  readonly to: number;
}

/** What is both changed and vanished is there. The result may be `base` itself. */
export function mergedColumns(base: MessageColumns, { changed, vanished }: Pick<Changes, 'changed' | 'vanished'>): MessageColumns {
  if (changed.uids.length === 0 && vanished.length === 0) return base;
  const pieces: Piece[] = [];
  let [kept, taken] = [0, 0];
  for (const [first, last] of mergedRanges([...vanished, ...rangesOf(changed.uids)])) {
    pieces.push({ of: base, from: kept, to: placeOf(base.uids, first) });
    kept = placeOf(base.uids, last + 1);
    const end = placeOf(changed.uids, last + 1);
    pieces.push({ of: changed, from: taken, to: end });
    taken = end;
  }
  pieces.push({ of: base, from: kept, to: base.uids.length });
  return joinedPieces(pieces);
}

function joinedPieces(pieces: readonly Piece[]): MessageColumns {
  const length = pieces.reduce((sum, { from, to }) => sum + to - from, 0);
  const columns = { uids: new Uint32Array(length), modseqs: new Float64Array(length), flags: new Float64Array(length) };
  let at = 0;
  for (const { of, from, to } of pieces) {
    columns.uids.set(of.uids.subarray(from, to), at);
    columns.modseqs.set(of.modseqs.subarray(from, to), at);
    columns.flags.set(of.flags.subarray(from, to), at);
    at += to - from;
  }
  return columns;
}

/** Where this UID, or the next above it, stands. */
function placeOf(uids: Uint32Array, uid: number): number {
  let [low, high] = [0, uids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((uids[middle] as number) < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}
