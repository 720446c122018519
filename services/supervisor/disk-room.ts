// Whether the disk under the embedded Redis has room for it to write, asked of the disk itself: a server that ends for want of room could not
// write that into its log either. Owns nothing.
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes: more than one transaction of ours (8 MB) and what Redis needs beside it. With less it would end again at the next write. */
const ENOUGH = 16 * 1024 * 1024;
const PROBE = Buffer.alloc(64 * 1024);

/** Null when there is enough, else the reason in one line; a disk that cannot be written for another reason has no room either. */
export function wantOfRoom(folder: string): string | null {
  try {
    return look(folder);
  } catch (error) {
    return `the disk of ${folder} cannot be written: ${(error as Error).message}`;
  }
}

function look(folder: string): string | null {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < ENOUGH) return `no space left on the disk of ${folder}: ${free} bytes are free, ${ENOUGH} are needed`;
  // A quota is not seen in what the file system says of itself.
  return writable(folder) ? null : `no space left for us on the disk of ${folder} (quota)`;
}

/** Throws what is no want of room. */
export function writable(folder: string): boolean {
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    const file = openSync(probe, 'w', 0o600);
    try {
      for (let from = 0; from < PROBE.length; ) from += writeSync(file, PROBE, from);
    } finally {
      closeSync(file);
      rmSync(probe, { force: true });
    }
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return false;
    throw error;
  }
}
