// Large content: a file of its own, written as it streams and renamed into place once it is durable.
// A write that fails or is cut off leaves nothing reachable; reading checks length and CRC as it goes.
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ContentMissingError } from '../cold-store.ts';
import type { QueueId } from '../queue-id.ts';
import type { DirectorySync } from './directory-sync.ts';
import { asSpoolFull, type FreeSpace } from './free-space.ts';
import { largeFile, type Place, partialFile } from './segment-format.ts';

const READ_SIZE = 64 * 1024;

export type LargePlace = Extract<Place, { kind: 'file' }>;

export interface LargeFileOptions {
  readonly directory: string;
  readonly space: FreeSpace;
  readonly syncDirectory: DirectorySync;
}

/** Streams `pieces` (each a few hundred KB at most: they bound the memory) into a new file, and is done with each before it asks for the next. Throws SpoolFullError. */
export async function writeLargeFile(options: LargeFileOptions, name: string, id: QueueId, pieces: AsyncIterable<Buffer>): Promise<LargePlace> {
  const partial = join(options.directory, partialFile(name));
  try {
    const { length, crc } = await writePartial(partial, pieces, options.space);
    await rename(partial, join(options.directory, largeFile(name, id)));
    await options.syncDirectory();
    return { kind: 'file', name, id, length, crc };
  } catch (error) {
    await unlink(partial).catch(ignoreMissing);
    throw asSpoolFull(error);
  }
}

async function writePartial(path: string, pieces: AsyncIterable<Buffer>, space: FreeSpace): Promise<{ length: number; crc: number }> {
  const handle = await open(path, 'wx', 0o600);
  try {
    let length = 0;
    let crc = 0;
    for await (const piece of pieces) {
      await space.claim(piece.length);
      await writeWhole(handle, piece);
      length += piece.length;
      crc = crc32(piece, crc);
    }
    await handle.datasync();
    return { length, crc };
  } finally {
    await handle.close();
  }
}

async function writeWhole(handle: FileHandle, piece: Buffer): Promise<void> {
  for (let from = 0; from < piece.length; ) from += (await handle.write(piece, from)).bytesWritten;
}

/** The content in pieces, from `from` on. Throws ContentMissingError when the file is gone, short, or (read from 0) not what was written. */
export async function* readLargeFile(directory: string, place: LargePlace, from = 0): AsyncGenerator<Buffer> {
  const handle = await open(join(directory, largeFile(place.name, place.id)), 'r').catch(asMissing);
  try {
    let length = Math.min(from, place.length);
    let crc = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_SIZE), 0, READ_SIZE, length);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      length += bytesRead;
      crc = crc32(piece, crc);
      yield piece;
    }
    if (length !== place.length || (from === 0 && crc !== place.crc))
      throw new ContentMissingError(`content of ${place.id} is damaged: ${length} of ${place.length} bytes`);
  } finally {
    await handle.close();
  }
}

/** For `catch` of file operations: what is not there becomes ContentMissingError. */
export function asMissing(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  throw new ContentMissingError('content is not in the directory store', { cause: error });
}

/** For `catch` of unlink(2): somebody else was there first. */
export function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
