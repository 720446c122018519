import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, decodePlain, type SaslStep, startSasl } from './sasl.ts';

/** Anything that bytes can say. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('utf8'));

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The exchange with these lines of the client. */
function exchange(mechanism: string, initial: string | undefined, ...lines: readonly string[]): SaslStep {
  return lines.reduce<SaslStep>((step, line) => (step.kind === 'challenge' ? step.next(line) : step), startSasl(mechanism, initial));
}

const ALICE = { kind: 'credentials', credentials: { user: 'alice', password: 'p w' } };
const failed = (why: string) => ({ kind: 'failed', why });

describe('RFC 4616 PLAIN', () => {
  test.each([
    ['in one line', base64('\0alice\0p w'), [], ALICE],
    ['after an empty challenge', undefined, [base64('\0alice\0p w')], ALICE],
    ['acting for oneself', base64('Alice\0alice\0p w'), [], ALICE],
    ['acting for another', base64('bob\0alice\0p w'), [], failed('authorization')],
    ['an empty response', '=', [], failed('syntax')],
    ['no base64', '!!!!', [], failed('syntax')],
    ['an empty password', base64('\0alice\0'), [], failed('syntax')],
    ['a part too many', base64('\0alice\0p\0w'), [], failed('syntax')],
    ['given up', undefined, ['*'], failed('cancelled')],
  ])('%s', (_name, initial, lines, expected) => {
    expect(exchange('plain', initial, ...lines)).toEqual(expected);
  });

  test('asks with an empty challenge', () => {
    expect(startSasl('PLAIN')).toMatchObject({ kind: 'challenge', challenge: '' });
  });
});

test('LOGIN asks for the user, unless told, and the password', () => {
  expect(startSasl('LOGIN')).toMatchObject({ challenge: base64('Username:') });
  expect(startSasl('LOGIN', base64('alice'))).toMatchObject({ challenge: base64('Password:') });
  expect(exchange('LOGIN', undefined, base64('alice'), base64('p w'))).toEqual(ALICE);
  expect(exchange('LOGIN', base64('alice'), base64('p w'))).toEqual(ALICE);
  expect(exchange('LOGIN', base64('alice'), '*')).toEqual(failed('cancelled'));
  expect(exchange('LOGIN', base64('alice'), 'x')).toEqual(failed('syntax'));
});

test('other mechanisms are not known', () => {
  for (const name of ['', 'CRAM-MD5', 'PLAIN\0']) expect(startSasl(name)).toEqual(failed('mechanism'));
});

test('RFC 4648 base64 is taken as it must be written, and nothing throws', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeBase64(Buffer.from(bytes).toString('base64'))?.equals(bytes)));
  for (const wrong of ['a', 'ab', 'abc', 'ab=c', 'a===', 'ab-_', ' abcd', 'abcd\n']) expect(decodeBase64(wrong)).toBeNull();
  fc.assert(
    fc.property(text, fc.constantFrom('PLAIN', 'LOGIN'), (line, mechanism) => {
      expect(['challenge', 'credentials', 'failed']).toContain(exchange(mechanism, line, line).kind);
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodePlain(Buffer.from(bytes))?.user !== ''));
});
