// One segment file while this process appends to it: each append is on the disk when it resolves, and one that fails leaves
// no half entry behind. Fails with what the file system says.
import { statSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColdLocation } from '../cold-store.ts';
import type { QueueId } from '../queue-id.ts';
import type { DirectorySync } from './directory-sync.ts';
import { ignoreFull } from './free-space.ts';
import { formatLocation, HEADER_SIZE, sealHeader, segmentFile, writeEntryHeader } from './segment-format.ts';

export interface Entry {
  readonly id: QueueId;
  readonly content: Buffer;
}

export interface Segment {
  readonly name: string;
  /** Bytes that are durable. */
  size(): number;
  /** Appends all or nothing. After a throw, `usable` tells whether the segment goes on. */
  append(entries: readonly Entry[]): Promise<readonly ColdLocation[]>;
  usable(): boolean;
  /** Whether the name still leads here; a sweep that took the segment for abandoned has taken it away. */
  isLinked(): boolean;
  /** Writes the entry count at the end, so that the segment can go when all its entries are dead; an empty one goes at once. */
  seal(): Promise<void>;
  /** Closes it unsealed: the sweep gives it back. */
  abandon(): Promise<void>;
}

/** Makes a segment whose directory entry is durable. */
export async function createSegment(directory: string, name: string, syncDirectory: DirectorySync): Promise<Segment> {
  const path = join(directory, segmentFile(name));
  const handle = await open(path, 'wx', 0o600);
  try {
    await syncDirectory();
    return segmentOf(handle, path, name, (await handle.stat()).ino);
  } catch (error) {
    await handle.close();
    await unlink(path);
    throw error;
  }
}

function segmentOf(handle: FileHandle, path: string, name: string, inode: number): Segment {
  let size = 0;
  let entries = 0;
  let usable = true;

  async function write(pieces: readonly Buffer[]): Promise<void> {
    try {
      await writeAll(handle, pieces, size);
    } catch (error) {
      // Nothing was synced: the segment goes on from where it was.
      await truncate();
      throw error;
    }
    await handle.datasync().catch((error: unknown) => {
      // After a failed fdatasync the kernel may have dropped the pages: nothing more is written to this file.
      usable = false;
      throw error;
    });
  }
  async function truncate(): Promise<void> {
    // Where this fails, what is left is a tail that no location names.
    await handle.truncate(size).catch(() => {
      usable = false;
    });
  }

  return {
    name,
    size: () => size,
    usable: () => usable,
    isLinked: () => statSync(path, { throwIfNoEntry: false })?.ino === inode,
    async append(added) {
      const { pieces, locations, end } = layOut(name, size, added);
      await write(pieces);
      size = end;
      entries += added.length;
      return locations;
    },
    async seal() {
      try {
        // The seal is not synced: one that is lost only leaves the segment to the sweep, as a crash does.
        if (entries === 0) await unlink(path);
        else await handle.write(sealHeader(entries), 0, HEADER_SIZE, size).catch(ignoreFull);
      } finally {
        await handle.close();
      }
    },
    async abandon() {
      await truncate();
      await handle.close();
    },
  };
}

function layOut(name: string, start: number, entries: readonly Entry[]): { pieces: Buffer[]; locations: ColdLocation[]; end: number } {
  const headers = Buffer.allocUnsafe(entries.length * HEADER_SIZE);
  const pieces: Buffer[] = [];
  const locations: ColdLocation[] = [];
  let end = start;
  for (const [index, { id, content }] of entries.entries()) {
    writeEntryHeader(headers, index * HEADER_SIZE, id, content);
    pieces.push(headers.subarray(index * HEADER_SIZE, (index + 1) * HEADER_SIZE), content);
    locations.push(formatLocation({ kind: 'segment', name, offset: end, length: content.length }));
    end += HEADER_SIZE + content.length;
  }
  return { pieces, locations, end };
}

async function writeAll(handle: FileHandle, pieces: readonly Buffer[], position: number): Promise<void> {
  let left = pieces;
  let at = position;
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, at);
    at += bytesWritten;
    left = without(left, bytesWritten);
  }
}

/** What is left of `pieces` after their first `bytes` bytes: writev(2) may write less than asked. */
function without(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  const left: Buffer[] = [];
  for (const piece of pieces) {
    if (skip >= piece.length) skip -= piece.length;
    else {
      left.push(piece.subarray(skip));
      skip = 0;
    }
  }
  return left;
}
