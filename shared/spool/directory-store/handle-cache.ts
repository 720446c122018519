// Open files for reading and for appending to, at most `limit` at rest. A handle in use is never closed under its user.
import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '#shared/telemetry/clock.ts';

interface Held {
  readonly opening: Promise<FileHandle>;
  users: number;
  usedAt: number;
  forgotten: boolean;
}

export interface HandleCache {
  /** Runs `use` with the open file. Errors of open(2) pass through (ENOENT when it is gone). */
  with<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T>;
  /** Closes the file as soon as nobody uses it. */
  forget(path: string): void;
  /** Closes what rested for `ms`: a file unlinked by another process gives its space back only then. */
  closeIdle(ms: number): void;
  close(): Promise<void>;
}

export function openHandleCache(flags: string, limit: number, clock: Clock): HandleCache {
  const held = new Map<string, Held>();
  const closing = new Set<Promise<void>>();

  function acquire(path: string): Held {
    const known = held.get(path);
    // Reinserting keeps the map in order of use: the first key is the one used longest ago.
    if (known) held.delete(path);
    const entry = known ?? { opening: open(path, flags, 0o600), users: 0, usedAt: 0, forgotten: false };
    entry.users++;
    entry.usedAt = clock.monotonic();
    held.set(path, entry);
    if (held.size > limit) dropOldest();
    return entry;
  }
  function dropOldest(): void {
    for (const [path, entry] of held) {
      if (entry.users > 0) continue;
      drop(path, entry);
      return;
    }
  }
  function drop(path: string, entry: Held): void {
    if (held.get(path) === entry) held.delete(path);
    entry.forgotten = true;
    if (entry.users === 0) shut(entry);
  }
  function shut(entry: Held): void {
    // Nothing hangs on these files: one that was never opened told its user, and one that does not close has nothing to lose.
    const done: Promise<void> = entry.opening
      .then((handle) => handle.close())
      .catch(() => undefined)
      .finally(() => closing.delete(done));
    closing.add(done);
  }

  return {
    async with(path, use) {
      const entry = acquire(path);
      try {
        return await use(await entry.opening);
      } catch (error) {
        entry.forgotten = true;
        if (held.get(path) === entry) held.delete(path);
        throw error;
      } finally {
        entry.users--;
        if (entry.forgotten && entry.users === 0) shut(entry);
      }
    },
    forget(path) {
      const entry = held.get(path);
      if (entry) drop(path, entry);
    },
    closeIdle(ms) {
      for (const [path, entry] of held) if (entry.users === 0 && clock.monotonic() - entry.usedAt >= ms) drop(path, entry);
    },
    async close() {
      for (const [path, entry] of held) drop(path, entry);
      await Promise.all(closing);
    },
  };
}
