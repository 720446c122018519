// Sets of UIDs as ranges: how sessions name messages to the store, and how the store names what has gone.

/** Inclusive ranges of UIDs, ascending, apart from each other: `[[1, 3], [7, 7]]`. 4,294,967,295 may stand for "all from here". */
export type UidSet = readonly (readonly [first: number, last: number])[];

/** RFC 9051 section 9 (nz-number). */
export const MAX_UID = 0xffff_ffff;
export const ALL_UIDS: UidSet = [[1, MAX_UID]];

/** The ranges of ascending UIDs. */
export function rangesOf(uids: Iterable<number>): UidSet {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last && uid === last[1] + 1) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

/** The same UIDs as ascending ranges that do not touch, from ranges in any order. */
export function mergedRanges(ranges: Iterable<readonly [number, number]>): UidSet {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** UIDs from 1 to `last` that are not among these ascending ones. */
export function gapsBetween(uids: Iterable<number>, last: number): UidSet {
  const gaps: [number, number][] = [];
  let next = 1;
  for (const uid of uids) {
    if (uid > last) break;
    if (uid > next) gaps.push([next, uid - 1]);
    next = uid + 1;
  }
  if (next <= last) gaps.push([next, last]);
  return gaps;
}

/** The set in pieces of about `width` UIDs, for queries of bounded size; a wider range is a piece by itself. */
export function* piecesOf(set: UidSet, width: number): Generator<UidSet> {
  let piece: (readonly [number, number])[] = [];
  let held = 0;
  for (const range of set) {
    const more = range[1] - range[0] + 1;
    if (piece.length > 0 && held + more > width) {
      yield piece;
      piece = [];
      held = 0;
    }
    piece.push(range);
    held += more;
  }
  if (piece.length > 0) yield piece;
}
