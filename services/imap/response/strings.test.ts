import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArgumentReader } from '../syntax/argument-reader.ts';
import { astring, Literal, nstring, type Piece, string } from './strings.ts';

/** As it stands on the wire, and what a reader makes of it. */
function readBack(piece: Piece): string {
  if (piece instanceof Literal) return new ArgumentReader({ text: `{${piece.octets.length}}\r\n`, literals: [piece.octets] }).astring();
  return new ArgumentReader({ text: Buffer.from(piece).toString('latin1'), literals: [] }).astring();
}

test.each([
  ['INBOX', 'INBOX'],
  ['a/b]', 'a/b]'],
  ['two words', '"two words"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['', '""'],
  ['nil', '"nil"'],
  ['100%', '"100%"'],
])('RFC 9051 section 4.3: %j is %s', (text, expected) => expect(astring(text, false)).toBe(expected));

test('what cannot be quoted is a literal', () => {
  expect(string('Grüße', false)).toEqual(new Literal(Buffer.from('Grüße')));
  expect(string('Grüße', true)).toBe('"Grüße"');
  expect(string('a\r\nb', true)).toEqual(new Literal(Buffer.from('a\r\nb')));
  expect(nstring(null, false)).toBe('NIL');
});

test('no text makes a line of its own, and each comes back, but for NUL', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('\r', '\n', '\0', '"', '\\', ' ', '(', '{3}', 'ü', 'NIL'), fc.string({ unit: 'grapheme', maxLength: 2 })),
  });
  fc.assert(
    fc.property(text, fc.boolean(), (value, utf8) => {
      const piece = astring(value, utf8);
      if (typeof piece === 'string') expect(piece).not.toMatch(/[\r\n\0]/);
      expect(readBack(piece)).toBe(value.replaceAll('\0', '\uFFFD'));
    }),
  );
});
