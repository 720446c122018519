import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseArguments, parseCommandLine, parseNumber } from './arguments.ts';

/** Anything that bytes can say. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('utf8'));

test('a number is digits, at most ten', () => {
  expect(['0', '1', '007', '4294967296'].map(parseNumber)).toEqual([0, 1, 7, 4_294_967_296]);
  for (const wrong of ['', '-1', '+1', '1.0', '1e3', '0x1', ' 1', '1 ', '١', '99999999999', 'NaN']) expect(parseNumber(wrong), wrong).toBeNull();
});

test('RFC 1939 section 3: arguments are divided by one space, and never more than asked for', () => {
  expect(parseArguments('', 1)).toEqual([]);
  expect(parseArguments('1', 1)).toEqual(['1']);
  expect(parseArguments('1  ', 1)).toEqual(['1']);
  expect(parseArguments('1 2', 2)).toEqual(['1', '2']);
  for (const [wrong, most] of [
    ['1 2', 1],
    [' 1', 2],
    ['1  2', 3],
  ] as const)
    expect(parseArguments(wrong, most), wrong).toBeNull();
  fc.assert(fc.property(text, fc.nat(3), (line, most) => (parseArguments(line, most)?.length ?? 0) <= most));
});

test('what follows the keyword stays as it is', () => {
  expect(parseCommandLine('pass  two spaces ')).toEqual({ keyword: 'PASS', argument: ' two spaces ' });
  expect(parseCommandLine('quit')).toEqual({ keyword: 'QUIT', argument: '' });
  fc.assert(
    fc.property(text, (line) => {
      const { keyword, argument } = parseCommandLine(line);
      expect(keyword).not.toContain(' ');
      expect(line.length - argument.length).toBeLessThanOrEqual(line.indexOf(' ') < 0 ? line.length : line.indexOf(' ') + 1);
    }),
  );
});
