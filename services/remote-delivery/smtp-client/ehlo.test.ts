// What a next hop offers, and the credentials we have for it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCredentials } from './auth.ts';
import { parseEhlo } from './ehlo.ts';

const offer = (...lines: readonly string[]) => parseEhlo({ code: 250, lines: ['mx.example.net greets you', ...lines] });

test('keywords are read in any case, with their arguments', () => {
  expect(offer('pipelining', '8bitmime', 'SMTPUTF8', 'DSN', 'StartTLS', 'SIZE 1000', 'AUTH plain LOGIN', 'AUTH=CRAM-MD5', 'X-UNKNOWN y')).toEqual({
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    dsn: true,
    startTls: true,
    size: 1000,
    auth: new Set(['PLAIN', 'LOGIN', 'CRAM-MD5']),
  });
});

test('the greeting offers nothing, whatever it says', () => {
  expect(parseEhlo({ code: 250, lines: ['PIPELINING'] })).toMatchObject({ pipelining: false });
});

test('SIZE without a number, or with nonsense, is no limit (RFC 1870 section 3)', () => {
  expect([offer('SIZE').size, offer('SIZE 0').size, offer('SIZE many').size, offer(`SIZE ${'9'.repeat(30)}`).size, offer().size]).toEqual([
    0,
    0,
    0,
    0,
    undefined,
  ]);
});

test('any lines are read without a throw', () => {
  fc.assert(fc.property(fc.array(fc.string()), (lines) => void offer(...lines)));
});

test.each([
  ['user:password', { user: 'user', password: 'password' }],
  ['user:pass:word\r\n', { user: 'user', password: 'pass:word' }],
  ['user:password\n', { user: 'user', password: 'password' }],
  ['user', null],
  [':password', null],
  ['user:', null],
  ['user:pass\nsecond:line\n', null],
  ['user:pa\0ss', null],
])('the credentials file %j', (text, credentials) => {
  expect(parseCredentials(text)).toEqual(credentials);
});
