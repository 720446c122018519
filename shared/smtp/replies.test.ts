import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fill, replies, withLines } from './replies.ts';

test('every reply is one line with the class of its enhanced code, and says where it comes from', () => {
  for (const [name, reply] of Object.entries(replies)) {
    expect(reply.wire, name).toMatch(/^[2345]\d\d [\x20-\x7e]*\r\n$/);
    expect(reply.rfc, name).toMatch(/^RFC \d+ section [\d.]+$/);
    if (reply.status !== null) expect(reply.status[0], name).toBe(String(reply.code)[0]);
  }
});

test('RFC 2034 section 3: no enhanced code in the greeting, for HELO and EHLO, and with 3xx', () => {
  expect([replies.greeting, replies.helo, replies.heloSyntax, replies.startData, replies.authChallenge].map(({ status }) => status)).toEqual([
    null,
    null,
    null,
    null,
    null,
  ]);
});

test('nothing filled in makes a second line, or a line over 512 octets', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      expect(fill(replies.queued, text).wire).toMatch(/^250 2\.0\.0 Ok: queued as [\x20-\x7e]{0,200}\r\n$/);
      expect(withLines(fill(replies.helo, 'host'), [text]).wire).toMatch(/^250-host\r\n250 [\x20-\x7e]{0,200}\r\n$/);
    }),
  );
});
