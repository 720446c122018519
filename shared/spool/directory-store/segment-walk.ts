// Lists the entries of a segment without reading their content. Past damage it lists every header it can recognise, so
// that the sweep takes too much for live and never too little.
import type { FileHandle } from 'node:fs/promises';
import type { QueueId } from '../queue-id.ts';
import { HEADER_SIZE, nextMagic, readHeader } from './segment-format.ts';

const WINDOW = 64 * 1024;

export interface WalkedEntry {
  readonly id: QueueId;
  readonly offset: number;
}

/** Entries in file order, then `sealed` when the segment is whole and sealed. */
export async function* walkSegment(handle: FileHandle): AsyncGenerator<WalkedEntry | 'sealed'> {
  const { size } = await handle.stat();
  let window = Buffer.alloc(0);
  let start = 0;
  for (let at = 0; at < size; ) {
    if (at < start || at + HEADER_SIZE > start + window.length) {
      start = at;
      window = await readAt(handle, at);
    }
    const header = readHeader(window, at - start);
    if (!header) {
      yield* walkDamaged(handle, at + 1, size);
      return;
    }
    yield header.kind === 'entry' ? { id: header.id, offset: at } : 'sealed';
    at += HEADER_SIZE + (header.kind === 'entry' ? header.length : 0);
  }
}

async function* walkDamaged(handle: FileHandle, from: number, size: number): AsyncGenerator<WalkedEntry> {
  // Windows overlap by a header, so that none is missed at a border. Lengths are not believed: they could skip a live entry.
  for (let start = from; start < size; start += WINDOW - HEADER_SIZE) {
    const window = await readAt(handle, start);
    for (let at = nextMagic(window, 0); at >= 0; at = nextMagic(window, at + 1)) {
      const header = readHeader(window, at);
      if (header?.kind === 'entry') yield { id: header.id, offset: start + at };
    }
  }
}

async function readAt(handle: FileHandle, position: number): Promise<Buffer<ArrayBuffer>> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(WINDOW), 0, WINDOW, position);
  return buffer.subarray(0, bytesRead);
}
