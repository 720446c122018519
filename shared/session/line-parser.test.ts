import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineParser } from './line-parser.ts';

const LIMIT = 8;

/** The lines as short texts, up to and with the first that ends a session. */
function parse(chunks: readonly Buffer[]): string[] {
  const parser = new LineParser();
  const found: string[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    for (let line = parser.next(LIMIT); line !== null; line = parser.next(LIMIT)) {
      found.push(line.kind === 'line' ? `line ${line.bytes.toString('latin1')}` : line.kind);
      if (line.kind === 'bare-lf' || line.kind === 'too-long') return found;
    }
  }
  return found;
}

const texts = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', 'a', '\0', 'NOOP', 'ü', 'xxxxxxxxx'), { maxLength: 12 })
  .map((all) => Buffer.from(all.join(''), 'latin1'));

describe('command lines', () => {
  test('are the same however TCP cuts them', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(40), { maxLength: 8 }), (bytes, at) => {
        const borders = [0, ...at.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
        expect(parse(chunks)).toEqual(parse([bytes]));
      }),
      { numRuns: 3000 },
    );
  });

  test('hold no CR, LF or NUL', () => {
    fc.assert(fc.property(texts, (bytes) => parse([bytes]).every((line) => !/[\r\n\0]/.test(line))));
  });

  test.each([
    ['NOOP\r\nRSET\r\n', ['line NOOP', 'line RSET']],
    ['NO\rOP\r\nRSET\r\n', ['bare-control', 'line RSET']],
    ['NO\0OP\r\n', ['bare-control']],
    ['NOOP\nRSET\r\n', ['bare-lf']],
    ['\n', ['bare-lf']],
    ['\r\n', ['line ']],
    ['12345678\r\n', ['line 12345678']],
    ['123456789\r\n', ['too-long']],
    ['123456789', ['too-long']],
    ['12345678\r', []],
  ])('%j', (text, expected) => {
    expect(parse([Buffer.from(text)])).toEqual(expected);
  });

  test('what follows is handed over as it is', () => {
    const parser = new LineParser();
    parser.push(Buffer.from('DATA\r\nSubject: x\n'));
    expect(parser.next(LIMIT)).toMatchObject({ kind: 'line' });
    expect(parser.rest().toString()).toBe('Subject: x\n');
    expect(parser.next(LIMIT)).toBeNull();
  });
});
