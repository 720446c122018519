// Where new content goes: what is small stays in memory and goes into the record, the rest is streamed to the cold tier first.
import type { ColdLocation, ColdStore } from './cold-store.ts';
import type { QueueId } from './queue-id.ts';

/** One of `hot`, the content itself, and `location`, where it lies durably. */
export interface PlacedContent {
  readonly hot?: Buffer;
  readonly location?: ColdLocation;
  readonly size: number;
}

/** Content up to `hotLimit` bytes is handed back, more is written to `cold`. Throws as the stream and the store do. */
export async function placeContent(cold: ColdStore, id: QueueId, content: Buffer | AsyncIterable<Buffer>, hotLimit: number): Promise<PlacedContent> {
  if (Buffer.isBuffer(content)) {
    return content.length <= hotLimit ? { hot: content, size: content.length } : { location: await cold.write(id, content), size: content.length };
  }
  const head: Buffer[] = [];
  let size = 0;
  const iterator = content[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) return { hot: Buffer.concat(head, size), size };
    head.push(value);
    size += value.length;
    if (size > hotLimit) break;
  }
  const all = async function* () {
    yield* head.splice(0);
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      size += next.value.length;
      yield next.value;
    }
  };
  return { location: await cold.write(id, all()), size };
}
