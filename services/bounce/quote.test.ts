import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readQuote } from './quote.ts';

const HEADER = 'A: 1\r\nB: 2\r\n 3\r\nC: 4\r\n';
const MESSAGE = Buffer.from(`${HEADER}\r\nbody\r\n`);

describe.each([
  ['a buffer', (content: Buffer) => content],
  [
    'a stream',
    (content: Buffer) =>
      Readable.from(
        content
          .toString()
          .match(/[\s\S]{1,3}/g)
          ?.map((text) => Buffer.from(text)) ?? [],
      ),
  ],
])('from %s', (_, source) => {
  const quote = async (limit: number, whole: boolean, content = MESSAGE) => {
    const result = await readQuote(source(content), limit, whole);
    return { text: result.content.toString(), whole: result.whole };
  };

  test('the whole message up to the limit', async () => {
    expect(await quote(MESSAGE.length, true)).toEqual({ text: MESSAGE.toString(), whole: true });
  });

  test('RFC 2045 section 2.7: its header alone when a line is too long for any message', async () => {
    const withLine = (length: number) => Buffer.concat([MESSAGE, Buffer.from(`${'x'.repeat(length)}\r\nlast`)]);
    expect(await quote(10_000, true, withLine(998))).toMatchObject({ whole: true });
    expect(await quote(10_000, true, withLine(999))).toEqual({ text: HEADER, whole: false });
  });

  test('its header above the limit, or when only the header was wanted', async () => {
    expect(await quote(MESSAGE.length - 1, true)).toEqual({ text: HEADER, whole: false });
    expect(await quote(1000, false)).toEqual({ text: HEADER, whole: false });
  });

  test.each([
    [HEADER.length, HEADER],
    [HEADER.length - 1, 'A: 1\r\nB: 2\r\n 3\r\n'],
    [16, 'A: 1\r\nB: 2\r\n 3\r\n'],
    [15, 'A: 1\r\n'],
    [12, 'A: 1\r\n'],
    [6, 'A: 1\r\n'],
    [5, ''],
    [1, ''],
    [0, ''],
  ])('a header over the limit of %d is cut behind a field', async (limit, text) => {
    expect(await quote(limit, false)).toEqual({ text, whole: false });
  });

  test('of a message without a header, or without a body', async () => {
    expect(await quote(10, false, Buffer.from('\r\nbody that is longer'))).toEqual({ text: '', whole: false });
    expect(await quote(100, false, Buffer.from('A: 1\r\n'))).toEqual({ text: 'A: 1\r\n', whole: false });
  });
});

test('a stream is not read further than needed', async () => {
  let given = 0;
  async function* endless() {
    for (;;) {
      given += 1024;
      yield Buffer.alloc(1024, 'a');
    }
  }
  await readQuote(endless(), 10_000, true);
  expect(given).toBeLessThan(12_000);
});
