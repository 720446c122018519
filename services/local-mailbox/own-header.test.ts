// The header fields of final delivery.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ownHeader } from './own-header.ts';

test('Return-Path holds the reverse-path, the null one too (RFC 5321 section 4.4)', () => {
  expect(ownHeader('sender@example.com', 'alice@example.org')).toBe('Return-Path: <sender@example.com>\r\nDelivered-To: alice@example.org\r\n');
  expect(ownHeader('', 'alice@example.org')).toMatch(/^Return-Path: <>\r\n/);
});

test('an address cannot add a field or end the header', () => {
  expect(ownHeader('a"\r\nBcc: x@example.net\r\n\r\nbody"@example.com', 'b\nX: y@example.org')).not.toMatch(/^(Bcc|X):/m);
  const unit = fc.constantFrom(...Array.from('ab@.<>":;\\ \t\r\n\0\v\f\x85\u2028\u2029\ud800ü😀'), '\r\n', '\r\n\r\n', 'X: y');
  const text = fc.string({ unit, maxLength: 300 });
  fc.assert(
    fc.property(text, text, (reversePath, address) => {
      const header = ownHeader(reversePath, address);
      const fields = header.replace(/\r\n(?=[ \t])/g, '').split('\r\n');
      expect(fields).toHaveLength(3);
      expect(fields[0]).toMatch(/^Return-Path: /);
      expect(fields[1]).toMatch(/^Delivered-To: /);
      expect(fields[2]).toBe('');
      expect(header).not.toMatch(/(?<!\r)\n|\r(?!\n)|\0/);
    }),
  );
});
