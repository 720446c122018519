// Many sessions at once: opened a few at a time, used a few at a time.

const OPENING = 16;

export async function openAll<T>(count: number, open: (index: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  await inParallel(OPENING, count, async (index) => {
    opened[index] = await open(index);
  });
  return opened;
}

/** Calls `work` for 0 to `count` - 1, at most `width` at once, in turn. */
export async function inParallel(width: number, count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}
