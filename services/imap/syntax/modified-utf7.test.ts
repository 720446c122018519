import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from './modified-utf7.ts';

test.each([
  ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
  ['Entwürfe & Müll', 'Entw&APw-rfe &- M&APw-ll'],
  ['😀', '&2D3eAA-'],
  ['INBOX', 'INBOX'],
  ['', ''],
])('RFC 3501 section 5.1.3: %s is %s', (name, encoded) => {
  expect(encodeModifiedUtf7(name)).toBe(encoded);
  expect(decodeModifiedUtf7(encoded)).toBe(name);
});

test.each([
  ['an open shift', '&U,BTFw'],
  ['a lone &', 'a & b'],
  ['base64 of what needs none', '&AGE-'],
  ['half a code unit', '&AA-'],
  ['two shifts that are one', '&APw-&APw-'],
  ['a lone surrogate', '&2D0-'],
  ['octets above ASCII', 'Entwürfe'],
  ['a control character', 'a\tb'],
  ['the base64 of others', '&ZeVnLIqe/w-'],
])('%s is refused', (_, name) => expect(decodeModifiedUtf7(name)).toBeNull());

test('every name has one form, and comes back from it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      const encoded = encodeModifiedUtf7(name);
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeModifiedUtf7(encoded)).toBe(name);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'&-,AZaz09+/U ~ü'.split('')) }), (text) => {
      const name = decodeModifiedUtf7(text);
      if (name !== null) expect(encodeModifiedUtf7(name)).toBe(text);
    }),
  );
});
