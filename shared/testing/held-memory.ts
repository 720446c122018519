// Memory that is in use and not merely uncollected: for tests that say "bounded". Owns nothing.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from './eventually.ts';

/** Octets of heap and buffers after a garbage collection. */
export function heldMemory(): number {
  setFlagsFromString('--expose-gc');
  setFlagsFromString('--no-concurrent-array-buffer-sweeping'); // else buffers that are collected are freed when another thread has time
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Resolves when no more than `most` octets more than `before` are held: what was begun may still come to its end. */
export async function holdsAtMost(before: number, most: number, what: string): Promise<void> {
  await eventually(
    () => {
      const more = heldMemory() - before;
      if (more > most) throw new Error(`${what}: ${more} octets more are held, not ${most}`);
      return true;
    },
    { within: 5_000, every: 100 }, // a collection stops everything: more of them would keep from its end what they wait for
  );
}
