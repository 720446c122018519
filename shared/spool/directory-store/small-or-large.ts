// Tells small content from large while it streams: reads ahead until it ends or passes the limit. Fails as its source fails.

export type Gathered =
  | { readonly kind: 'small'; readonly content: Buffer }
  /** All of it. A piece is good until the next is asked for. */
  | { readonly kind: 'large'; readonly pieces: AsyncIterable<Buffer> };

/** Octets of one write. */
const PIECE = 128 * 1024;

/** `limit` in bytes; content of exactly the limit is small. Holds at most the limit and one chunk of the source. */
export async function gather(content: Buffer | AsyncIterable<Buffer>, limit: number): Promise<Gathered> {
  if (Buffer.isBuffer(content)) return content.length <= limit ? { kind: 'small', content } : { kind: 'large', pieces: slices(content) };
  const source = content[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let bytes = 0;
  while (bytes <= limit) {
    const next = await source.next();
    if (next.done) return { kind: 'small', content: joined(head) };
    head.push(next.value);
    bytes += next.value.length;
  }
  return { kind: 'large', pieces: inPieces(head, source) };
}

function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

async function* slices(content: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += PIECE) yield content.subarray(from, from + PIECE);
}

/** In one buffer, filled again and again: 50 large messages at once leave nothing behind for the collector but what their sockets read. */
async function* inPieces(head: Buffer[], source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafeSlow(PIECE);
  let filled = 0;
  try {
    for (let chunk = head.shift() ?? (await nextOf(source)); chunk; chunk = head.shift() ?? (await nextOf(source))) {
      for (let from = 0; from < chunk.length; ) {
        const copied = chunk.copy(piece, filled, from);
        from += copied;
        filled += copied;
        if (filled < PIECE) continue;
        yield piece;
        filled = 0;
      }
    }
    if (filled > 0) yield piece.subarray(0, filled);
  } finally {
    // A write that fails half-way lets its source go.
    await source.return?.();
  }
}

async function nextOf(source: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  const next = await source.next();
  return next.done ? undefined : next.value;
}
