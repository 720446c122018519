// Octets on their way from the store to the client: small ones as a literal, large ones as a stream that was begun, so that content which is
// gone is found out before a response begins. Fails as the store does.
import { type Literal, Literal as LiteralOctets } from '../response/strings.ts';

/** Up to this many octets are read at once. */
const SMALL = 32 * 1024;

/** A literal that is streamed. */
export interface Streamed {
  readonly size: number;
  readonly octets: AsyncIterable<Buffer>;
  readonly binary: boolean;
  /** Gives the source back, if it was not read to its end. */
  close(): Promise<void>;
}

/** Exactly `size` octets of the source. Throws when there are fewer. */
export async function literalOf(octets: AsyncIterable<Buffer>, size: number, binary = false): Promise<Literal | Streamed> {
  const source = binary ? octets : eachWithoutNul(octets);
  return size <= SMALL ? new LiteralOctets(await collect(source, size), binary) : begin(source, size, binary);
}

/** The first `most` octets of a source in one buffer. What follows is not read, but a source that has no more is read to its end, not left. */
export async function read(source: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of source) {
    pieces.push(piece);
    size += piece.length;
    if (size > most) break;
  }
  return pieces.length === 1 && pieces[0] && size <= most ? pieces[0] : Buffer.concat(pieces).subarray(0, most);
}

async function collect(source: AsyncIterable<Buffer>, size: number): Promise<Buffer> {
  const octets = size === 0 ? Buffer.alloc(0) : await read(source, size);
  if (octets.length < size) throw new Error(`a section of ${size} octets has ${octets.length}`);
  return octets;
}

async function begin(source: AsyncIterable<Buffer>, size: number, binary: boolean): Promise<Streamed> {
  const iterator = source[Symbol.asyncIterator]();
  const close = async (): Promise<void> => void (await iterator.return?.());
  const first = await iterator.next();
  async function* octets(): AsyncGenerator<Buffer> {
    for (let next = first; !next.done; next = await iterator.next()) yield next.value;
  }
  return { size, binary, octets: octets(), close };
}

/** RFC 9051 section 9, literal: it holds no NUL, which some mail does; 0x80 stands for it, so that nothing moves. BINARY tells the truth. */
export function withoutNul(octets: Buffer): Buffer {
  return octets.includes(0) ? (octets.map((octet) => (octet === 0 ? 0x80 : octet)) as Buffer) : octets;
}

async function* eachWithoutNul(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of source) yield withoutNul(piece);
}

/** Octets `start` to `start + length` of a source. */
export async function* cut(source: AsyncIterable<Buffer>, start: number, length: number): AsyncGenerator<Buffer> {
  let at = 0;
  const end = start + length;
  for await (const piece of source) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
    if (part.length > 0) yield part;
    at += piece.length;
    if (at >= end) return;
  }
}
