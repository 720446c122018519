import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArgumentReader } from './argument-reader.ts';
import { BadSyntax } from './bad-syntax.ts';
import { formatDateTime, readDate, readDateTime } from './date-time.ts';

const reader = (text: string) => new ArgumentReader({ text, literals: [] });

test.each([
  ['" 7-Feb-1994 21:52:25 -0800"', '1994-02-08T05:52:25.000Z'],
  ['"17-jul-1996 02:44:25 +0530"', '1996-07-16T21:14:25.000Z'],
  ['"01-JAN-0050 00:00:00 +0000"', '0050-01-01T00:00:00.000Z'],
  ['"31-Dec-2016 23:59:60 +0000"', '2017-01-01T00:00:00.000Z'],
])('RFC 9051 section 9, date-time: %s', (text, expected) => expect(new Date(readDateTime(reader(text))).toISOString()).toBe(expected));

test.each([
  '"7-Feb-1994 21:52:25 -0800"',
  '"32-Feb-1994 21:52:25 -0800"',
  '"17-Jul-1996 24:00:00 +0000"',
  '"17-Foo-1996 02:44:25 +0000"',
  '"17-Jul-1996 02:44:25 +0060"',
  '""',
])('%s is refused', (text) => expect(() => readDateTime(reader(text))).toThrow(BadSyntax));

test('a date is a day, quoted or not', () => {
  expect([readDate(reader('1-Feb-1994')), readDate(reader('"01-Feb-1994"'))]).toEqual([8797, 8797]);
  for (const text of ['29-Feb-1995', '0-Jan-1995', '1-Feb-94', 'yesterday']) expect(() => readDate(reader(text))).toThrow(BadSyntax);
});

test('what is written is read back, to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }), (seconds) => {
      expect(readDateTime(reader(`"${formatDateTime(seconds * 1000)}"`))).toBe(seconds * 1000);
    }),
  );
});
