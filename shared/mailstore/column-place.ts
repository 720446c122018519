// Where a number stands in an ascending column, such as the UIDs of a mailbox. Pure.

/** The place of this number, or where it would be put as -(place + 1); looked for at `from` and after it. */
export function place(column: Uint32Array, number: number, from = 0): number {
  let low = from;
  let high = column.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = column[middle] as number;
    if (found === number) return middle;
    if (found < number) low = middle + 1;
    else high = middle - 1;
  }
  return -(low + 1);
}

/** The place of the first that is not below this number, at `from` or after it. */
export function placeFrom(column: Uint32Array, number: number, from = 0): number {
  const at = place(column, number, from);
  return at < 0 ? -at - 1 : at;
}
