// Reads entries of segments. What is asked for in one turn and lies side by side, as mail that was delivered together does, is one read: waiting
// for the disk costs more than reading. Owns what is to be read next. What is damaged or gone is a ContentMissingError.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ContentMissingError, SMALL } from '../cold-store.ts';
import type { HandleCache } from './handle-cache.ts';
import { asMissing } from './large-file.ts';
import { HEADER_SIZE, readHeader, type SegmentPlace, segmentFile } from './segment-format.ts';

/** Octets of one read of several entries; each has a header and at most SMALL octets of content. */
const MOST = SMALL;

interface Request extends PromiseWithResolvers<Buffer> {
  readonly place: SegmentPlace;
}

/** The content of an entry. */
export type ReadEntry = (place: SegmentPlace) => Promise<Buffer>;

export function openSegmentReader(directory: string, readers: HandleCache): ReadEntry {
  const waiting = new Map<string, Request[]>();

  function readAll(segment: string): void {
    const requests = waiting.get(segment) ?? [];
    waiting.delete(segment);
    for (const neighbours of sideBySide(requests)) void readTogether(segment, neighbours);
  }
  /** Never rejects: whoever asked hears of it. */
  async function readTogether(segment: string, requests: readonly Request[]): Promise<void> {
    const start = requests[0]?.place.offset ?? 0;
    const size = endOf(requests.at(-1)) - start;
    try {
      const { bytesRead, buffer } = await readers
        .with(join(directory, segmentFile(segment)), (handle) => handle.read(Buffer.allocUnsafeSlow(size), 0, size, start))
        .catch(asMissing);
      const bytes = buffer.subarray(0, bytesRead);
      for (const { place, resolve, reject } of requests) {
        const content = contentAt(bytes, place.offset - start, place.length);
        if (content) resolve(content);
        else reject(new ContentMissingError(`segment ${segment} is damaged at ${place.offset}`));
      }
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  }

  return (place) => {
    if (place.length > SMALL) throw new ContentMissingError(`no entry of a segment has ${place.length} bytes`);
    const request = { place, ...Promise.withResolvers<Buffer>() };
    const others = waiting.get(place.name);
    if (others) others.push(request);
    else {
      waiting.set(place.name, [request]);
      queueMicrotask(() => readAll(place.name));
    }
    return request.promise;
  };
}

/** Runs of entries that follow each other in the segment. */
function sideBySide(requests: readonly Request[]): Request[][] {
  const runs: Request[][] = [];
  for (const request of requests.toSorted((a, b) => a.place.offset - b.place.offset)) {
    const run = runs.at(-1);
    const joins = run && endOf(run.at(-1)) === request.place.offset && endOf(request) - (run[0]?.place.offset ?? 0) <= MOST;
    if (joins) run.push(request);
    else runs.push([request]);
  }
  return runs;
}

function endOf(request: Request | undefined): number {
  return request ? request.place.offset + HEADER_SIZE + request.place.length : 0;
}

/** Null: what stands there is not the whole entry. */
function contentAt(bytes: Buffer, at: number, length: number): Buffer | null {
  const header = readHeader(bytes, at);
  const content = bytes.subarray(at + HEADER_SIZE, at + HEADER_SIZE + length);
  return header?.kind === 'entry' && header.length === length && content.length === length && header.crc === crc32(content) ? content : null;
}
