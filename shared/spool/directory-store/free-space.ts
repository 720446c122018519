// Watches the free space of one directory: asks the system a few times a second, and counts what was written since.
// Fails with SpoolFullError when a write would go under the `min_free` watermark.
import { statfs } from 'node:fs/promises';
import type { Clock } from '#shared/telemetry/clock.ts';
import { SpoolFullError } from '../cold-store.ts';

const FRESH_FOR = 250;

export interface FreeSpace {
  /** Throws SpoolFullError when `bytes` more would leave less than `min_free`. */
  claim(bytes: number): Promise<void>;
  /** Bytes free now. */
  read(): Promise<number>;
}

/** `minFree` in bytes. */
export function watchFreeSpace(directory: string, minFree: number, clock: Clock): FreeSpace {
  let free = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<number> | null = null;

  async function ask(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(directory);
      free = bavail * bsize;
      readAt = clock.monotonic();
      return free;
    } finally {
      reading = null;
    }
  }
  const read = (): Promise<number> => {
    reading ??= ask();
    return reading;
  };
  return {
    async claim(bytes) {
      // Before refusing it asks again: something may have been given back since.
      if (clock.monotonic() - readAt > FRESH_FOR || free - bytes < minFree) await read();
      if (free - bytes < minFree) throw new SpoolFullError(`${directory}: ${free} bytes free, ${minFree} must stay free`);
      free -= bytes;
    },
    read,
  };
}

/** The medium's own words for full become SpoolFullError; everything else stays what it is. */
export function asSpoolFull(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new SpoolFullError(`no space left on the spool's file system (${code})`, { cause: error }) : error;
}

/** For `catch` of writes that may be lost: a full disk is no error. */
export function ignoreFull(error: unknown): void {
  if (!(asSpoolFull(error) instanceof SpoolFullError)) throw error;
}
