// How much of a response is held: only what a store's content and a client's socket are made of here stands for both.
import { expect, test } from 'vitest';
import type { MessageInfo } from '#shared/mailstore/mailbox-store.ts';
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { ResponseWriter } from '../connection/response-writer.ts';
import type { FetchItem } from './fetch-item.ts';
import { messageParts, writeMessage } from './message-response.ts';
import { WHOLE } from './section.ts';

test('of a response of many megabytes about one is made before the client reads', async () => {
  const octets = Buffer.alloc(30_000, 'x');
  let read = 0;
  const content = {
    ownHeader: Buffer.alloc(0),
    size: octets.length,
    open: async () => [octets],
    async *read(start = 0, end = octets.length) {
      read++;
      yield octets.subarray(start, end);
    },
  };
  const parsed = { index: null, envelope: null };
  const info: MessageInfo = { uid: 1, modseq: 1, flags: 0, receivedAt: 0, size: octets.length, emailId: 'M1', threadId: 'T1', content, ...parsed };
  const items = Array.from(
    { length: 1_000 },
    (_, start): FetchItem => ({ kind: 'section', label: [`BODY[]<${start}>`], section: WHOLE, partial: { start, length: 30_000 }, peek: true }),
  );
  const parts = await messageParts(items, { info, flags: '()', modseq: 1, utf8: false });
  expect(read).toBeLessThan(50);
  let [written, flushed, most] = [0, 0, 0];
  const connection = {
    write(data: string | Buffer) {
      written += data.length;
      most = Math.max(most, written - flushed);
    },
    async flush() {
      flushed = written;
    },
  } as unknown as ClientConnection;
  const out = new ResponseWriter(connection);
  await writeMessage(out, 1, parts);
  out.handOver();
  expect(read).toBe(1_000);
  expect(written).toBeGreaterThan(1_000 * 29_000);
  expect(most).toBeLessThan(3_000_000);
});
