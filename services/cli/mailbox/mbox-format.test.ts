import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoted, separator, separatorDate, statusFields, takeStatus, unquoted } from './mbox-format.ts';

const at = Date.UTC(2026, 10, 2, 3, 4, 5);

test.each([
  ['From alice@example.org Mon Nov  2 03:04:05 2026', at],
  ['From - Mon Nov 02 03:04:05 2026', at],
  ['From alice@example.org  Mon Nov  2 04:04:05 2026 +0100', at],
  ['From alice@example.org Mon Nov  2 03:04:05 GMT 2026', at],
  ['From MAILER-DAEMON Mon Nov  2 03:04 2026', at - 5000],
  ['From alice@example.org Mon Nov  2 03:04:05 2026\r', at],
  ['From now on all is well', null],
  ['From alice', null],
  ['>From alice@example.org Mon Nov  2 03:04:05 2026', null],
])('%j', (line, date) => expect(separatorDate(line)).toBe(date));

test('our separator is one line, whoever the sender says he is', () => {
  expect(separator('alice@example.org', at)).toBe('From alice@example.org Mon Nov  2 03:04:05 2026\n');
  expect(separator('', at)).toBe('From MAILER-DAEMON Mon Nov  2 03:04:05 2026\n');
  expect(separator('"a\r\nFrom b"@example.org', at)).toBe('From "aFromb"@example.org Mon Nov  2 03:04:05 2026\n');
});

async function* inPieces(text: string, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  for (const [index, place] of places.entries()) if (index > 0) yield Buffer.from(text.slice(places[index - 1], place), 'latin1');
}
const read = async (stream: AsyncIterable<Buffer>): Promise<string> => Buffer.concat(await Array.fromAsync(stream)).toString('latin1');
const text = fc.string({ unit: fc.constantFrom('\n', '>', 'From ', 'From', 'x', '>>From ', '\n>From ', ' '), maxLength: 30 });
const cuts = fc.array(fc.nat(100), { maxLength: 8 });

test('quoting is undone by unquoting, and leaves no separator, wherever the pieces are cut', () =>
  fc.assert(
    fc.asyncProperty(text, cuts, async (given, places) => {
      const there = await read(quoted(inPieces(given, places)));
      expect(there).toBe(given.replaceAll(/^(?=>*From )/gm, '>'));
      expect(await read(unquoted(inPieces(there, places), 'mboxrd'))).toBe(given);
      expect(await read(unquoted(inPieces(given, places), 'mboxo'))).toBe(given.replaceAll(/^>(?=From )/gm, ''));
    }),
  ));

test('a line longer than the memory that we give it is quoted at its start', async () => {
  const long = `From ${'x'.repeat(200_000)}\nFrom y\n`;
  expect(await read(quoted(inPieces(long, [70_000, 140_000])))).toBe(`>From ${'x'.repeat(200_000)}\n>From y\n`);
});

test('flags go out and come back; a sender’s own Status is his', () => {
  const flags = ['\\Seen', '\\Flagged', '\\Answered', '\\Deleted', '$Forwarded'];
  const fields = statusFields(flags);
  expect(fields).toBe('Status: RO\nX-Status: AFD\nX-Keywords: $Forwarded\n');
  const own = 'Subject: x\nStatus: D\n folded\nX-Keywords: evil\n';
  expect(takeStatus(Buffer.from(fields + own))).toEqual({ header: Buffer.from(own), flags: ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '$Forwarded'] });
  expect(takeStatus(Buffer.from('Subject: x\nStatus: R\n folded\nTo: y')).header.toString()).toBe('Subject: x\nTo: y');
});
