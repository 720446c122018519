import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyText } from './testing/any-text.ts';
import { decodeUtf8Addr, decodeXtext, encodeUtf8AddrXtext, encodeXtext } from './xtext.ts';

test.each([
  ['Bob@Example.COM', 'Bob@Example.COM'],
  ['a+b=c d', 'a+2Bb+3Dc+20d'],
  ['ä', '+C3+A4'],
  ['\uFFFD', '+EF+BF+BD'],
])('xtext of %j is %j (RFC 3461 section 4)', (text, xtext) => {
  expect(encodeXtext(text)).toBe(xtext);
  expect(decodeXtext(xtext)).toBe(text);
});

test.each(['a b', 'a=b', 'a+2b', 'a+', 'a+2', 'ä', 'a\r\n', '+FF', '+C3'])('%j is no xtext', (text) => expect(decodeXtext(text)).toBeNull());

test('utf-8 addresses of ORCPT (RFC 6533 section 3)', () => {
  expect(encodeUtf8AddrXtext('Dö+=\\ 字@ex.example')).toBe('D\\x{F6}\\x{2B}\\x{3D}\\x{5C}\\x{20}\\x{5B57}@ex.example');
});

test.each(['a b', 'a\\', '\\x{}', '\\x{110000}', '\\x{D800}', '\\x{00}', '\\x{2b}', 'a+2B', 'a=b'])('%j is no utf-8 address', (text) =>
  expect(decodeUtf8Addr(text)).toBeNull(),
);

describe('properties: what is encoded is decoded, and is one argument of a command', () => {
  const text = fc.string({ unit: 'grapheme' });
  test('xtext', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(encodeXtext(value)).toMatch(/^[!-<>-~]*$/);
        expect(decodeXtext(encodeXtext(value))).toBe(value);
      }),
    );
  });
  test('utf-8-addr', () => {
    fc.assert(
      fc.property(
        text.filter((value) => !value.includes('\0')),
        (value) => {
          expect(encodeUtf8AddrXtext(value)).toMatch(/^[!-<>-~]*$/);
          expect(decodeUtf8Addr(encodeUtf8AddrXtext(value))).toBe(value);
        },
      ),
    );
  });
  test('decoders throw on nothing', () => {
    fc.assert(fc.property(anyText(), (value) => void [decodeXtext(value), decodeUtf8Addr(value)]));
  });
});
