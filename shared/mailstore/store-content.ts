// Takes content in: to the content store, durable before any row names it, and through the MIME parser as it streams by, so that it is read
// once and never held whole. The text that SEARCH looks at is not its business (content-texts.ts). Fails with SpoolFullError, or as its source does.
import { createHash } from 'node:crypto';
import { WITHOUT_TEXT } from '#shared/mail/mime/parse-limits.ts';
import { MessageParser } from '#shared/mail/mime/parse-message.ts';
import type { ParsedMessage } from '#shared/mail/mime/parsed-message.ts';
import { turn } from '#shared/mail/turns.ts';
import type { ColdStore } from '#shared/spool/cold-store.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Clock } from '#shared/telemetry/clock.ts';

export interface StoredContent {
  readonly id: string;
  readonly location: string;
  readonly size: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
  /** By the monotonic clock, milliseconds. */
  readonly writtenAt: number;
  /** Without search text. */
  readonly parsed: ParsedMessage;
  /** `parsed.index` as JSON. */
  readonly index: string;
}

/** Rows follow their content within this, or not at all: the sweep gives back content that has had no rows for 10 minutes. */
const COMMIT_WITHIN = 300_000;

/** Writes and parses one content. */
export async function storeContent(contents: ColdStore, clock: Clock, content: Buffer | AsyncIterable<Buffer>): Promise<StoredContent> {
  const id = newQueueId(0, clock.now());
  const read = readOnce();
  let writtenAt = clock.monotonic();
  let location: string;
  if (Buffer.isBuffer(content)) {
    [location] = await Promise.all([contents.write(id, content), read.piece(content)]);
  } else {
    location = await contents.write(id, read.through(content));
    writtenAt = clock.monotonic();
  }
  await turn(); // an index of a million characters is not made in no time
  return { id, location, writtenAt, ...read.end() };
}

/** Throws when the sweep may have taken content whose rows are about to be committed. */
export function assertFresh(clock: Clock, stored: Iterable<StoredContent>): void {
  for (const { writtenAt } of stored)
    if (clock.monotonic() - writtenAt > COMMIT_WITHIN) throw new Error('filing took too long: the sweep may have taken its content');
}

function readOnce() {
  const digest = createHash('sha256');
  const parser = new MessageParser(WITHOUT_TEXT);
  let size = 0;
  async function piece(octets: Buffer): Promise<void> {
    digest.update(octets);
    size += octets.length;
    await parser.write(octets);
  }
  return {
    piece,
    async *through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const octets of source) {
        await piece(octets);
        yield octets;
      }
    },
    end() {
      const parsed = parser.end();
      return { size, digest: digest.digest('hex'), parsed, index: JSON.stringify(parsed.index) };
    },
  };
}
