// Makes new and renamed directory entries durable: fsync of the directory, shared by everybody who waits.
import { open } from 'node:fs/promises';

/** Resolves when every change made to `directory` before the call is durable. */
export type DirectorySync = () => Promise<void>;

export function shareDirectorySync(directory: string): DirectorySync {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function start(): Promise<void> {
    next = null;
    running = syncDirectory(directory).finally(() => {
      running = null;
    });
    return running;
  }
  // A sync that already runs may have begun before the caller's change, so the caller waits for the one after it.
  return () => {
    if (!running) return start();
    next ??= running.then(start, start);
    return next;
  };
}

/** fsync of one directory. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
