// The columns of a mailbox brought up to date with what has changed since. UIDs only grow: what has changed was there, or stands above all that was.
import { place, placeFrom } from './column-place.ts';
import type { Changes, MessageColumns } from './mailbox-store.ts';
import type { UidSet } from './uid-set.ts';

/** Takes `base` over and may return it; null when the changes cannot be of these columns. */
export function mergedColumns(base: MessageColumns, { changed, vanished }: Pick<Changes, 'changed' | 'vanished'>): MessageColumns | null {
  const { uids, modseqs, flags } = base;
  const firstNew = placeFrom(changed.uids, (uids.at(-1) ?? 0) + 1);
  for (let i = 0, at = 0; i < firstNew; i++) {
    at = place(uids, changed.uids[i] as number, at);
    if (at < 0) return null;
    modseqs[at] = changed.modseqs[i] as number;
    flags[at] = changed.flags[i] as number;
  }
  const kept = closeGaps(base, vanished);
  if (firstNew === changed.uids.length && kept === uids.length) return base;
  const length = kept + changed.uids.length - firstNew;
  return {
    uids: joined(new Uint32Array(length), uids.subarray(0, kept), changed.uids.subarray(firstNew)),
    modseqs: joined(new Float64Array(length), modseqs.subarray(0, kept), changed.modseqs.subarray(firstNew)),
    flags: joined(new Float64Array(length), flags.subarray(0, kept), changed.flags.subarray(firstNew)),
  };
}

/** Moves what stays over what goes; returns how many stay. */
function closeGaps(columns: MessageColumns, gone: UidSet): number {
  const { uids, modseqs, flags } = columns;
  // A piece is moved only below those that come: their UIDs are still where they were.
  let [kept, read] = [0, 0];
  for (const [first, last] of [...gone, [Number.POSITIVE_INFINITY, 0] as const]) {
    const from = placeFrom(uids, first, read);
    if (kept < read) for (const column of [uids, modseqs, flags]) column.copyWithin(kept, read, from);
    kept += from - read;
    read = placeFrom(uids, last + 1, from);
  }
  return kept;
}

function joined<T extends Uint32Array | Float64Array>(to: T, first: T, second: T): T {
  to.set(first);
  to.set(second, first.length);
  return to;
}
