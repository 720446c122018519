// Tells small content from large while it streams: reads ahead until it ends or passes the limit. Fails as its source fails.

export type Gathered =
  | { readonly kind: 'small'; readonly content: Buffer }
  /** All of it, in pieces of about the limit. */
  | { readonly kind: 'large'; readonly pieces: AsyncIterable<Buffer> };

/** `limit` in bytes; content of exactly the limit is small. Holds at most the limit and one chunk of the source. */
export async function gather(content: Buffer | AsyncIterable<Buffer>, limit: number): Promise<Gathered> {
  if (Buffer.isBuffer(content)) return content.length <= limit ? { kind: 'small', content } : { kind: 'large', pieces: slices(content, limit) };
  const source = content[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let bytes = 0;
  while (bytes <= limit) {
    const next = await source.next();
    if (next.done) return { kind: 'small', content: joined(head) };
    head.push(next.value);
    bytes += next.value.length;
  }
  return { kind: 'large', pieces: inPieces(head, source, limit) };
}

function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

async function* slices(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
}

async function* inPieces(head: readonly Buffer[], source: AsyncIterator<Buffer>, size: number): AsyncGenerator<Buffer> {
  try {
    yield* slices(joined(head), size);
    let held: Buffer[] = [];
    let bytes = 0;
    for (let next = await source.next(); !next.done; next = await source.next()) {
      held.push(next.value);
      bytes += next.value.length;
      if (bytes < size) continue;
      yield* slices(joined(held), size);
      held = [];
      bytes = 0;
    }
    if (bytes > 0) yield joined(held);
  } finally {
    // A write that fails half-way lets its source go.
    await source.return?.();
  }
}
