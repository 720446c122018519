import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataReader } from './data-reader.ts';

interface Result {
  readonly content: string;
  readonly rest: string | null;
  readonly faulty: boolean;
}

function read(chunks: readonly Buffer[]): Result {
  const reader = new DataReader();
  let content = '';
  for (const [index, chunk] of chunks.entries()) {
    const part = reader.feed(chunk);
    content += part.content.toString('latin1');
    if (part.rest !== null) return { content, rest: Buffer.concat([part.rest, ...chunks.slice(index + 1)]).toString('latin1'), faulty: reader.fault !== null };
  }
  return { content, rest: null, faulty: reader.fault !== null };
}

/** RFC 5321 section 4.5.2 read byte by byte, as plainly as possible. */
function model(bytes: string): Result {
  const end = bytes.startsWith('.\r\n') ? 0 : bytes.indexOf('\r\n.\r\n') + 2;
  const ended = end === 0 || end > 1;
  const raw = ended ? bytes.slice(0, end) : bytes;
  const content = raw.replace(/^\./, '').replaceAll('\r\n.', '\r\n');
  return { content, rest: ended ? bytes.slice(end + 3) : null, faulty: /\r(?!\n)|(?<!\r)\n|\0/.test(content) };
}

/** `text` cut at these offsets. */
function cut(text: string, offsets: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const borders = [0, ...offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders
    .slice(1)
    .map((border, index) => bytes.subarray(borders[index], border))
    .filter((chunk) => chunk.length > 0);
}

const pieces = fc.array(fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', '\r\n.\r\n', 'a', '\0', 'ü', 'line'), { maxLength: 14 }).map((all) => all.join(''));
const offsets = fc.array(fc.nat(40), { maxLength: 8 });

describe('message data', () => {
  test('reads the same however TCP cuts it, up to the first end of data', () => {
    fc.assert(
      fc.property(pieces, offsets, (text, at) => {
        const ended = `${text}\r\n.\r\nNOOP\r\n`;
        expect(read(cut(ended, at))).toEqual(model(ended));
      }),
      { numRuns: 3000 },
    );
  });

  test('comes out as it went in after dot-stuffing', () => {
    const line = fc.string({ unit: fc.constantFrom('.', 'a', ' ', 'é'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), offsets, (lines, at) => {
        const message = lines.map((text) => `${text}\r\n`).join('');
        const stuffed = message.replace(/^\./gm, '..');
        expect(read(cut(`${stuffed}.\r\nQUIT\r\n`, at))).toEqual({ content: message, rest: 'QUIT\r\n', faulty: false });
      }),
      { numRuns: 1000 },
    );
  });

  test('one byte at a time', () => {
    const text = '.a\r\n..\r\n.\r\rb\r\n.\r\nNOOP\r\n';
    expect(read([...Buffer.from(text)].map((byte) => Buffer.of(byte)))).toEqual({ content: 'a\r\n.\r\n\r\rb\r\n', rest: 'NOOP\r\n', faulty: true });
  });

  test('may be empty', () => {
    expect(read([Buffer.from('.\r\n')])).toEqual({ content: '', rest: '', faulty: false });
  });

  test.each(['\n.\n', '\n.\r\n', '\r.\r', '\r.\r\n', '\r\n.\n', '\r\n.\r', '\r\n\0.\r\n', '\r\n.\0\r\n', '\0\r\n.\n', '\r\r\n.\n', '\n\r\n.\n', '\r\n.\r\0\n'])(
    '%j does not end it, and is a fault',
    (sequence) => {
      expect(read([Buffer.from(`body${sequence}MAIL FROM:<a@b>\r\n`)])).toMatchObject({ rest: null });
      expect(read([Buffer.from(`body${sequence}MAIL FROM:<a@b>\r\n.\r\n`)])).toMatchObject({ rest: '', faulty: true });
    },
  );

  test('names the fault', () => {
    const reader = new DataReader();
    reader.feed(Buffer.from('a\0b\r\n'));
    expect(reader.fault).toBe('nul');
  });
});
