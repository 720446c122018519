// Work on many recipients, cut into parts that are committed one after the other.
import type { SettleResult } from './spool.ts';

/** Recipients, or wake-ups, that one script writes: Redis serves nobody meanwhile. */
export const MOST = 1000;

/** At least one part, so that what concerns the message as a whole is done. */
export function inParts<T>(items: readonly T[], most: number): readonly (readonly T[])[] {
  if (items.length <= most) return [items];
  return Array.from({ length: Math.ceil(items.length / most) }, (_, i) => items.slice(i * most, (i + 1) * most));
}

/** One transaction after the other: a wake-up goes with the last, so that a crash between them leaves it to name what is left. */
export async function inTurn<T>(parts: readonly T[], commit: (part: T, first: boolean, last: boolean) => Promise<SettleResult>): Promise<SettleResult> {
  let result: SettleResult = 'late';
  for (const [i, part] of parts.entries()) {
    const one = await commit(part, i === 0, i === parts.length - 1);
    if (one === 'fenced') return one;
    if (one === 'committed') result = one;
  }
  return result;
}

/** Items with the same key, in the order of their first. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): T[][] {
  if (items.length === 1) return [[items[0] as T]];
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}
