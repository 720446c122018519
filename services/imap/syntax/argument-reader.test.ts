import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentReader } from './argument-reader.ts';
import { BadSyntax } from './bad-syntax.ts';
import { announcedLiteral } from './command-text.ts';

const reader = (text: string, ...literals: readonly string[]) => new ArgumentReader({ text, literals: literals.map((octets) => Buffer.from(octets)) });

describe('strings', () => {
  test.each([
    ['atom', 'atom'],
    ['a]b', 'a]b'],
    ['"a b"', 'a b'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['""', ''],
    [Buffer.from('"Grüße"').toString('latin1'), 'Grüße'],
  ])('%s is an astring', (text, expected) => {
    const args = reader(text);
    expect(args.astring()).toBe(expected);
    args.end();
  });

  test('literals come in order, of every form, with any octets', () => {
    const args = reader('{3}\r\n {2+}\r\n ~{4}\r\n', 'a b', 'ü', '\0\r\n"');
    expect(args.astring()).toBe('a b');
    args.space();
    expect(args.string()).toBe('ü');
    args.space();
    expect(args.octets()).toEqual(Buffer.from('\0\r\n"'));
    args.end();
  });

  test.each([
    ['an open quote', '"abc'],
    ['a lone backslash', '"a\\b"'],
    ['a literal that did not come', '{3}\r\n'],
    ['octets that are not UTF-8', '"\xff"'],
    ['an atom above ASCII', 'gr\xfc'],
    ['nothing', ''],
    ['a parenthesis', '(a)'],
    ['a wildcard', '%'],
  ])('%s is refused', (_, text) => {
    const args = reader(text);
    expect(() => {
      args.astring();
      args.end();
    }).toThrow(BadSyntax);
  });

  test('RFC 9051 section 9: NUL stands in literal8 alone', () => {
    expect(() => reader('{3}\r\n', 'a\0b').astring()).toThrow('NUL in a literal');
    expect(reader('~{3}\r\n', 'a\0b').string()).toBe('a\0b');
  });

  test('NIL is nothing, and "NIL" is a string', () => {
    expect([reader('nil').nstring(), reader('"NIL"').nstring(), reader('NILS').peekKeyword()]).toEqual([null, 'NIL', 'NILS']);
  });
});

describe('lists', () => {
  test('items stand between parentheses, one space apart', () => {
    const flags = (text: string, empty?: 'may be empty') => {
      const args = reader(text);
      return args.list(() => args.flag(), empty);
    };
    expect(flags('(\\Seen $Forwarded)')).toEqual(['\\Seen', '$Forwarded']);
    expect(flags('()', 'may be empty')).toEqual([]);
    for (const text of ['()', '( a)', '(a )', '(a  b)', '(a', 'a)', '(\\*)']) expect(() => flags(text)).toThrow(BadSyntax);
  });
});

describe('bounds', () => {
  const nest = (args: ArgumentReader): number => (args.peek() === '(' ? 1 + args.nested(() => nest(args)) : Number(args.atom()));

  test('parentheses nest 50 deep and no deeper', () => {
    expect(nest(reader(`${'('.repeat(50)}0${')'.repeat(50)}`))).toBe(50);
    expect(() => nest(reader(`${'('.repeat(51)}0${')'.repeat(51)}`))).toThrow('Nested too deeply');
    expect(() => nest(reader('('.repeat(60_000)))).toThrow('Nested too deeply');
  });

  test('numbers', () => {
    expect(reader('4294967295').number()).toBe(4_294_967_295);
    expect(reader('9223372036854775807').number()).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ['99999999999999999999', '-1', 'x', '']) expect(() => reader(text).number()).toThrow(BadSyntax);
    expect(() => reader('0').nzNumber()).toThrow(BadSyntax);
  });
});

test.each([
  ['a LOGIN {5}', { size: 5, synchronizing: true, binary: false }],
  ['a LOGIN {5+}', { size: 5, synchronizing: false, binary: false }],
  ['a APPEND x ~{10}', { size: 10, synchronizing: true, binary: true }],
  ['a SEARCH {5', null],
  ['a {-1}', null],
  ['a {}', null],
  ['a {5+}x', null],
  ['a {99999999999999999999}', null],
])('%s announces %j', (line, expected) => expect(announcedLiteral(line)).toEqual(expected));

test('whatever comes, a reader gives a value or BadSyntax, in time', () => {
  const methods = ['astring', 'string', 'octets', 'atom', 'keyword', 'number', 'nzNumber', 'sequenceSet', 'flag', 'listPattern', 'nstring', 'rest'] as const;
  const text = fc.string({ unit: fc.constantFrom(...'aZ09 ()[]{}"\\*%+~$,:&\r\n\0\xff<>.-'.split('')), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.array(fc.oneof(fc.constantFrom(...methods), fc.constantFrom('space', 'list', 'end')), { maxLength: 8 }), (input, calls) => {
      const args = reader(input, 'one', '\xff');
      try {
        for (const call of calls) {
          if (call === 'list') args.list(() => args.astring(), 'may be empty');
          else args[call as 'atom']();
        }
      } catch (error) {
        expect(error).toBeInstanceOf(BadSyntax);
        expect((error as Error).message).toMatch(/^[\x20-\x7e]+$/);
      }
    }),
    { numRuns: 500 },
  );
});

test('a long hostile line costs little', () => {
  const before = process.cpuUsage();
  for (const text of [`"${'\\"'.repeat(32_000)}`, `${'1,'.repeat(32_000)}x`, '{'.repeat(64_000), `"${'a'.repeat(64_000)}`]) {
    const args = reader(text);
    expect(() => args.sequenceSet()).toThrow(BadSyntax);
    expect(() => args.string()).toThrow(BadSyntax);
  }
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});
