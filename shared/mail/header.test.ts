import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanText, endOfHeader, formatField, headerFields, MAX_HEADER, scanHeader, unfold } from './header.ts';
import { anyText } from './testing/any-text.ts';

const MESSAGE = Buffer.from(
  [
    'Received: from a.example by b.example;',
    ' Sat, 21 Nov 2026 23:13:00 +0000',
    'RECEIVED: from x',
    'Delivered-To: alice@example.org',
    'delivered-to : bob@example.org',
    'X-Received: no',
    'Message-ID:',
    '\t<1@a.example>',
    'Date: Sat, 21 Nov 2026 23:13:00 +0000',
    'Subject: Grüße',
    '',
    'Received: from the body',
    '',
  ].join('\r\n'),
);

test('the facts of a header', () => {
  expect(scanHeader(MESSAGE)).toEqual({
    length: endOfHeader(MESSAGE),
    received: 2,
    deliveredTo: ['alice@example.org', 'bob@example.org'],
    messageId: '<1@a.example>',
    hasDate: true,
    hasFrom: false,
  });
});

test('a header that begins with its end, or never ends', () => {
  expect(scanHeader(Buffer.from('\r\nReceived: x\r\n'))).toMatchObject({ length: 2, received: 0 });
  expect(scanHeader(Buffer.from('Received: x'))).toMatchObject({ length: 11, received: 1 });
  expect(scanHeader(Buffer.alloc(0))).toMatchObject({ length: 0, received: 0 });
});

test('facts stay small, whatever the header holds', () => {
  const line = `Delivered-To: ${'a'.repeat(50)}@example.org\r\n`;
  const facts = scanHeader(Buffer.from(`Delivered-To: ${'a'.repeat(600)}\r\nMessage-ID: <${'b'.repeat(5000)}>\r\n${line.repeat(1000)}\r\n`));
  expect(facts.deliveredTo).toHaveLength(100);
  expect(facts.messageId).toHaveLength(998);
});

test('a header of short lines without a colon costs linear time', () => {
  const header = Buffer.from('a\r\n'.repeat(MAX_HEADER / 3));
  const started = process.cpuUsage();
  expect(scanHeader(header).received).toBe(0);
  expect(process.cpuUsage(started).user).toBeLessThan(300_000);
});

test('fields in order, unfolded, those asked for alone, nonsense skipped', () => {
  const header = Buffer.from('garbage\r\nA: 1\r\n 2\r\n: none\r\nB b: no\r\nb: ä\r\n\r\n');
  expect([...headerFields(header)]).toEqual([
    { name: 'A', value: '1 2' },
    { name: 'b', value: 'ä' },
  ]);
  expect([...headerFields(header, new Set(['b']))]).toEqual([{ name: 'b', value: 'ä' }]);
});

test('unfold', () => expect(unfold(' a\r\n b\n\tc ')).toBe('a b\tc'));

describe('the serialiser', () => {
  test.each([
    ['plain', 'plain'],
    ['a\r\nBcc: all@example.org', 'a Bcc: all@example.org'],
    ['a\r\n\r\nbody', 'a body'],
    ['a\0b\u0085c\u2028d', 'a b c d'],
    ['Grüße', 'Gr??e'],
    ['', ''],
  ])('%j becomes %j', (value, written) => expect(formatField('Subject', value)).toBe(`Subject: ${written}\r\n`));

  test('keeps UTF-8 when asked (RFC 6532 section 3)', () => expect(formatField('Subject', 'Grüße', { utf8: true })).toBe('Subject: Grüße\r\n'));

  test('gives each part its own line', () => {
    expect(formatField('Received', ['from a', '', 'by b', 'for c\r\nX: y'])).toBe('Received: from a\r\n by b\r\n for c X: y\r\n');
  });

  test('refuses a name that is none', () => expect(() => formatField('A\r\nB', 'x')).toThrow());

  test('property: one field, no line too long, and the words survive', () => {
    const value = fc.oneof(
      anyText(400),
      fc.stringMatching(/^[\r\n :a\tä]{0,200}$/u),
      fc.stringMatching(/^(?:a{1,40} {1,40}){1,9}$/),
      fc.stringMatching(/^[aö字]{900,2500}$/u),
    );
    fc.assert(
      fc.property(fc.oneof(value, fc.array(value, { maxLength: 3 })), fc.boolean(), (input, utf8) => {
        const field = formatField('X-Test', input, { utf8 });
        const octets = Buffer.from(field);
        expect([...headerFields(Buffer.concat([octets, Buffer.from('\r\n')]))]).toHaveLength(1);
        for (const line of field.slice(0, -2).split('\r\n')) {
          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998);
          expect(line).not.toMatch(/[\r\n\0]/);
          expect(line).not.toMatch(/^\s*$/);
        }
        const words = [input].flat().map((part) =>
          cleanText(part, utf8)
            .trim()
            .replace(/ {30,}/g, ' '),
        );
        if (!words.some((part) => Buffer.byteLength(part) > 900)) expect(unfold(field)).toBe(`X-Test: ${words.filter((part) => part !== '').join(' ')}`.trim());
        else expect(field.replace(/\s/g, '')).toBe(`X-Test:${words.join('').replace(/\s/g, '')}`);
      }),
      { numRuns: 80 },
    );
  });
});

test('property: no bytes make the scan throw', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.stringMatching(/^[\r\n: \tRa]{0,80}$/).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      expect(scanHeader(Buffer.from(input)).length).toBeLessThanOrEqual(input.length);
    }),
  );
});
