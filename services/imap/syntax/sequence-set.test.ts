import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BadSyntax } from './bad-syntax.ts';
import { formatNumbers, formatRanges, type NumberRange, normalised, parseSequenceSet } from './sequence-set.ts';

const parsed = (text: string, largest: number) => {
  const set = parseSequenceSet(text);
  return set.kind === 'saved' ? '$' : formatRanges(normalised(set.ranges, largest));
};

test.each([
  ['2,4:7,9,12:*', 15, '2,4:7,9,12:15'],
  ['*:4,5:7', 10, '4:10'],
  ['3:1', 9, '1:3'],
  ['559:*', 558, '558:559'],
  ['*', 1, '1'],
  ['1,1,2', 5, '1:2'],
  ['4294967295', 5, '4294967295'],
  ['$', 5, '$'],
])('RFC 9051 section 9: %s of %d messages is %s', (text, largest, expected) => expect(parsed(text, largest)).toBe(expected));

test.each(['', '0', '01', '1:', ':1', '1:2:3', '1,,2', ',', '-1', '4294967296', '99999999999', '1;2', '$,1', ' 1', '+1', '**'])('%j is refused', (text) =>
  expect(() => parseSequenceSet(text)).toThrow(BadSyntax),
);

test('what is written is what was meant', () => {
  const number = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 12 }), (ranges: NumberRange[]) => {
      const members = new Set(ranges.flatMap(([a, b]) => Array.from({ length: Math.abs(a - b) + 1 }, (_, i) => Math.min(a, b) + i)));
      const text = ranges.map(([a, b]) => `${a}:${b}`).join(',');
      expect(parsed(text, 99)).toBe(formatNumbers([...members].toSorted((a, b) => a - b)));
    }),
  );
});
