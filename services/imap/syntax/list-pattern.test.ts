import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listMatcher, withReference } from './list-pattern.ts';

const NAMES = ['INBOX', 'Sent', 'a', 'a/b', 'a/b/c', 'ab', 'b%'];

test.each([
  ['*', NAMES],
  ['%', ['INBOX', 'Sent', 'a', 'ab', 'b%']],
  ['%/%', ['a/b']],
  ['a*', ['a', 'a/b', 'a/b/c', 'ab']],
  ['a%', ['a', 'ab']],
  ['a/*', ['a/b', 'a/b/c']],
  ['*/c', ['a/b/c']],
  ['%*%', NAMES],
  ['inbox', ['INBOX']],
  ['iNb%', ['INBOX']],
  ['SENT', []],
  ['', []],
  ['a', ['a']],
])('RFC 9051 section 6.3.9: %s', (pattern, expected) => expect(NAMES.filter(listMatcher([pattern]))).toEqual(expected));

test('a reference is put before a pattern that does not begin at the root', () => {
  expect(withReference('a/', 'b*')).toBe('a/b*');
  expect(withReference('a/', '/b')).toBe('/b');
  expect(withReference('', '%')).toBe('%');
});

test('it says what a regular expression says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '%', 'ü', '😀'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'ü', '😀'), maxLength: 10 });
  fc.assert(
    fc.property(text, name, (pattern, tested) => {
      const expression = pattern.replaceAll('*', '.*').replaceAll('%', '[^/]*');
      expect(listMatcher([pattern])(tested)).toBe(new RegExp(`^${expression}$`, 'u').test(tested));
    }),
  );
});

test('a name is listed when any of the patterns matches it', () => {
  expect(NAMES.filter(listMatcher(['a/%', 'Sent', 'INBOX', '%b']))).toEqual(['INBOX', 'Sent', 'a/b', 'ab']);
  expect(NAMES.filter(listMatcher([]))).toEqual([]);
});

test('hostile patterns cost little', () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `d/${index}/${'x'.repeat(100)}`);
  const before = process.cpuUsage();
  for (const patterns of [Array.from({ length: 300 }, () => '*x*x*x*x*x*y'), [`${'*x'.repeat(1_900)}y`], Array.from({ length: 1_000 }, () => '*/%')])
    names.filter(listMatcher(patterns));
  expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
});
