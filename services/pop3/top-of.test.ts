import fc from 'fast-check';
import { expect, test } from 'vitest';
import { topOf } from './top-of.ts';

async function* inPieces(text: string, length: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < text.length; start += length) yield Buffer.from(text.slice(start, start + length), 'latin1');
}

async function top(text: string, lines: number, length = 1_000): Promise<string> {
  let all = '';
  for await (const piece of topOf(inPieces(text, length), lines)) all += piece.toString('latin1');
  return all;
}

/** The same, said line by line. */
function topBySplitting(text: string, bodyLines: number): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const blank = lines.findIndex((line) => /^\r?\n$/.test(line));
  return blank < 0 ? text : lines.slice(0, blank + 1 + bodyLines).join('');
}

test('RFC 1939 section 7: is the header, the blank line and so many lines, in whatever pieces the message comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', ' ', '.', '\r\n', '\r\n\r\n', '\n', '\r', 'Subject: x\r\n'), { maxLength: 30 }),
      fc.nat(6),
      fc.integer({ min: 1, max: 9 }),
      async (parts, lines, length) => {
        const text = parts.join('');
        expect(await top(text, lines, length)).toBe(topBySplitting(text, lines));
      },
    ),
    { numRuns: 1000 },
  );
});

test('reads no further than it must', async () => {
  let read = 0;
  async function* endless() {
    yield Buffer.from('Subject: x\r\n\r\n');
    for (;;) {
      read++;
      yield Buffer.from('line\r\n');
    }
  }
  let lines = 0;
  for await (const _piece of topOf(endless(), 3)) lines++;
  expect([lines, read]).toEqual([4, 3]);
});
