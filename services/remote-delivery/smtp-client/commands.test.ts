// The serialiser: no envelope makes a second line or a second argument.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mailCommand, rcptCommand, UnserialisableError } from './commands.ts';
import { type Capabilities, NO_CAPABILITIES } from './ehlo.ts';
import type { TransactionRequest } from './request.ts';

const ALL: Capabilities = { pipelining: true, eightBitMime: true, smtpUtf8: true, dsn: true, startTls: true, size: 0, auth: new Set() };
const request: TransactionRequest = {
  reversePath: 'sender@example.org',
  recipients: [],
  content: Buffer.alloc(0),
  size: 1234,
  body: '8bitmime',
  smtputf8: true,
  ret: 'hdrs',
  envid: 'a+b=c d',
  mayCommit: () => true,
};

describe('parameters', () => {
  test('are sent when offered (RFC 1870, RFC 6152, RFC 6531, RFC 3461)', () => {
    expect(mailCommand(request, ALL, true)).toBe('MAIL FROM:<sender@example.org> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+3Dc+20d\r\n');
    const recipient = { address: 'x@example.net', notify: ['success', 'failure'], orcpt: 'rfc822;a+b@example.org' } as const;
    expect(rcptCommand(recipient, ALL)).toBe('RCPT TO:<x@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@example.org\r\n');
  });

  test('are left out when not offered', () => {
    expect(mailCommand(request, NO_CAPABILITIES, true)).toBe('MAIL FROM:<sender@example.org>\r\n');
    expect(rcptCommand({ address: 'x@example.net', notify: ['never'], orcpt: 'rfc822;y@example.net' }, NO_CAPABILITIES)).toBe('RCPT TO:<x@example.net>\r\n');
  });

  test('an internationalised original recipient has its own encoding (RFC 6533 section 3)', () => {
    expect(rcptCommand({ address: 'x@example.net', orcpt: 'utf-8;gr\u00fcn@example.org' }, ALL)).toContain('ORCPT=utf-8;gr\\x{FC}n@example.org');
    expect(rcptCommand({ address: 'x@example.net', orcpt: 'rfc822;gr\u00fcn@example.org' }, ALL)).not.toContain('ORCPT');
  });
});

const tricks = ['a@b\r\nRSET', 'a@b\n', 'a@b\0', 'a@b> NOTIFY=NEVER', 'a b@c', 'a@b\u2028c', '"a@b', '<a@b', '"a"b c"@d', 'a@b\u0085', '\ud800@b'];
test.each(tricks)('%j is refused at the serialiser', (address) => {
  expect(() => mailCommand({ ...request, reversePath: address }, ALL, false)).toThrow(UnserialisableError);
  expect(() => rcptCommand({ address }, ALL)).toThrow(UnserialisableError);
});

test('a quoted local-part may hold spaces and brackets', () => {
  expect(rcptCommand({ address: '"a> b\\""@example.net' }, NO_CAPABILITIES)).toBe('RCPT TO:<"a> b\\""@example.net>\r\n');
});

test('whatever the strings are, a command is one line or an UnserialisableError', () => {
  const string = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...tricks));
  fc.assert(
    fc.property(string, string, string, (address, orcpt, envid) => {
      try {
        const commands = [mailCommand({ ...request, reversePath: address, envid }, ALL, true), rcptCommand({ address, orcpt: `rfc822;${orcpt}` }, ALL)];
        for (const command of commands) expect(command).toMatch(/^[^\r\n\0]+\r\n$/);
      } catch (error) {
        expect(error).toBeInstanceOf(UnserialisableError);
      }
    }),
    { numRuns: 500 },
  );
});
