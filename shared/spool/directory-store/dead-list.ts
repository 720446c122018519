// Which entries of a segment are dead: a sidecar file that any process appends fixed-size marks to (O_APPEND).
// A mark that is lost, torn or written twice does no harm: the sweep finds what stayed behind.
import { type FileHandle, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ignoreFull } from './free-space.ts';
import type { HandleCache } from './handle-cache.ts';
import { ignoreMissing } from './large-file.ts';
import { deadFile, HEADER_SIZE, readHeader, segmentFile } from './segment-format.ts';
import { walkSegment } from './segment-walk.ts';

const MARK_SIZE = 16;
const MAGIC = Buffer.from('Dead');

export interface DeadLists {
  /** Marks the entry at `offset` dead; calls made meanwhile share one write. */
  bury(segment: string, offset: number): Promise<void>;
  /** The segment is worth a look at the next reap. */
  touch(segment: string): void;
  /** Unlinks the touched segments that are sealed and all dead. Returns the bytes given back. */
  reap(): Promise<number>;
}

interface Grave {
  offsets: number[];
  next: Promise<void> | null;
}

export function openDeadLists(directory: string, handles: HandleCache, onGone: (segment: string) => void): DeadLists {
  const graves = new Map<string, Grave>();
  const touched = new Set<string>();
  let writing: Promise<void> = Promise.resolve();

  function bury(segment: string, offset: number): Promise<void> {
    const grave = graves.get(segment) ?? { offsets: [], next: null };
    graves.set(segment, grave);
    grave.offsets.push(offset);
    grave.next ??= enqueue(segment, grave);
    return grave.next;
  }
  function enqueue(segment: string, grave: Grave): Promise<void> {
    const done = writing.then(() => {
      graves.delete(segment);
      return append(segment, grave.offsets);
    });
    writing = done.catch(() => undefined); // its callers see the error; the next write does not
    return done;
  }
  async function append(segment: string, offsets: readonly number[]): Promise<void> {
    if (!(await exists(join(directory, segmentFile(segment))))) return;
    await handles.with(join(directory, deadFile(segment)), async (handle) => void (await handle.write(Buffer.concat(offsets.map(mark))))).catch(ignoreFull);
    touched.add(segment);
  }
  return {
    bury,
    touch: (segment) => void touched.add(segment),
    async reap() {
      let bytes = 0;
      const segments = [...touched];
      touched.clear();
      for (const segment of segments) {
        const size = await allDeadSize(directory, segment);
        if (size === null) continue;
        await unlinkSegment(directory, segment);
        onGone(segment);
        bytes += size;
      }
      return bytes;
    },
  };
}

/** Bytes of a segment that is sealed and whose every entry is dead, else null. */
async function allDeadSize(directory: string, segment: string): Promise<number | null> {
  const handle = await open(join(directory, segmentFile(segment)), 'r').catch(ignoreMissing);
  if (!handle) return null;
  try {
    const { size } = await handle.stat();
    const entries = await claimedEntries(handle, size);
    const marks = await stat(join(directory, deadFile(segment))).catch(ignoreMissing);
    if (entries === null || !marks || marks.size < entries * MARK_SIZE) return null;
    return (await isAllDead(handle, await readDead(directory, segment))) ? size : null;
  } finally {
    await handle.close();
  }
}

/** The count in the seal, if the last bytes are one: only a hint, for the content of a message could imitate it. */
async function claimedEntries(handle: FileHandle, size: number): Promise<number | null> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(HEADER_SIZE), 0, HEADER_SIZE, Math.max(0, size - HEADER_SIZE));
  const header = readHeader(buffer.subarray(0, bytesRead), 0);
  return header?.kind === 'seal' ? header.entries : null;
}

async function isAllDead(handle: FileHandle, dead: ReadonlySet<number>): Promise<boolean> {
  let sealed = false;
  for await (const entry of walkSegment(handle)) {
    sealed = entry === 'sealed';
    if (entry !== 'sealed' && !dead.has(entry.offset)) return false;
  }
  return sealed;
}

/** Offsets of the entries marked dead. */
export async function readDead(directory: string, segment: string): Promise<ReadonlySet<number>> {
  const bytes = (await readFile(join(directory, deadFile(segment))).catch(ignoreMissing)) ?? Buffer.alloc(0);
  const offsets = new Set<number>();
  for (let at = bytes.indexOf(MAGIC); at >= 0; ) {
    const offset = readMark(bytes, at);
    if (offset !== null) offsets.add(offset);
    at = bytes.indexOf(MAGIC, at + (offset === null ? 1 : MARK_SIZE));
  }
  return offsets;
}

/** Removes a segment with its sidecar: the segment first, so that a crash between leaves only an orphaned sidecar. */
export async function unlinkSegment(directory: string, segment: string): Promise<void> {
  await unlink(join(directory, segmentFile(segment))).catch(ignoreMissing);
  await unlink(join(directory, deadFile(segment))).catch(ignoreMissing);
}

async function exists(path: string): Promise<boolean> {
  return Boolean(await stat(path).catch(ignoreMissing));
}

function mark(offset: number): Buffer {
  const bytes = Buffer.alloc(MARK_SIZE);
  MAGIC.copy(bytes);
  bytes.writeUIntLE(offset, 4, 6);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
  return bytes;
}

function readMark(bytes: Buffer, at: number): number | null {
  if (at + MARK_SIZE > bytes.length || bytes.readUInt32LE(at + 12) !== crc32(bytes.subarray(at, at + 12))) return null;
  return bytes.readUIntLE(at + 4, 6);
}
