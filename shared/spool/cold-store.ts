// The cold tier's interface: content that does not live in Redis. Implementations: directory (segment files), later S3.
// Every implementation passes shared/spool/cold-store.conformance.ts.
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { QueueId } from './queue-id.ts';

/** Opaque to everyone but the store that made it; printable ASCII, at most 200 characters. */
export type ColdLocation = string;

/** Octets up to which content is read whole; it also bounds what a streaming write holds. */
export const SMALL = 256 * 1024;

/** Whole up to `SMALL`, else a stream. */
export type Content = Buffer | Readable;

export interface ColdStore {
  /**
   * Writes content and resolves when it is durable (fdatasync of file, fsync of a new directory entry; group-committed).
   * Content is streamed; at most a small, fixed buffer is held. A failed or aborted write leaves nothing reachable.
   * Throws SpoolFullError when the medium is full or under its `min_free` watermark.
   */
  write(id: QueueId, content: AsyncIterable<Buffer> | Buffer): Promise<ColdLocation>;
  /** Exactly what was written, from octet `from` (default 0) on. Throws ContentMissingError when it is not there. */
  read(location: ColdLocation, from?: number): Promise<Content>;
  /** Idempotent; the space may be given back later. */
  remove(location: ColdLocation): Promise<void>;
  /** Gives back what nothing refers to. `isLive` answers for a batch of ids. For the sweep: slow, resumable, bounded. */
  sweep(isLive: (ids: readonly QueueId[]) => Promise<readonly boolean[]>): Promise<{ removed: number }>;
  /** Bytes stored and bytes free, for metrics and the watermark. */
  usage(): Promise<{ storedBytes: number; freeBytes: number }>;
  close(): Promise<void>;
}

/** The octets in pieces, whichever it is. */
export function inPieces(content: Content): Iterable<Buffer> | AsyncIterable<Buffer> {
  return Buffer.isBuffer(content) ? [content] : (content as AsyncIterable<Buffer>);
}

/** All of it in memory. */
export async function wholeOf(content: Content): Promise<Buffer> {
  return Buffer.isBuffer(content) ? content : await buffer(content);
}

export class SpoolFullError extends Error {
  override readonly name = 'SpoolFullError';
}
export class ContentMissingError extends Error {
  override readonly name = 'ContentMissingError';
}
