import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toCrLf, toLf } from './line-ends.ts';

async function* inPieces(text: string, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text, 'latin1');
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, place] of places.entries()) if (index > 0) yield bytes.subarray(places[index - 1], place);
}

const read = async (stream: AsyncIterable<Buffer>): Promise<string> => Buffer.concat(await Array.fromAsync(stream)).toString('latin1');
const text = fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', 'a', '\0', 'ÿ'), maxLength: 30 });
const cuts = fc.array(fc.nat(60), { maxLength: 8 });

test('a bare LF gets its CR, and a NUL is no NUL, wherever the pieces are cut', () =>
  fc.assert(
    fc.asyncProperty(text, cuts, async (given, places) => {
      expect(await read(toCrLf(inPieces(given, places)))).toBe(given.replaceAll(/(?<!\r)\n/g, '\r\n').replaceAll('\0', '\u0080'));
    }),
  ));

test('CR LF becomes LF, a CR alone stays, wherever the pieces are cut', () =>
  fc.assert(
    fc.asyncProperty(text, cuts, async (given, places) => {
      expect(await read(toLf(inPieces(given, places)))).toBe(given.replaceAll('\r\n', '\n'));
    }),
  ));
