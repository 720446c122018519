import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMailArgument, parseRcptArgument, splitParameters } from './path.ts';
import { anyText } from './testing/any-text.ts';

const mail = (text: string) => {
  const result = parseMailArgument(text);
  return result.ok ? { mailbox: result.value.mailbox, parameters: result.value.parameters } : result.problem.kind;
};
const rcpt = (text: string) => {
  const result = parseRcptArgument(text);
  return result.ok ? result.value.mailbox : result.problem.kind;
};

test('MAIL: path and parameters', () => {
  expect(mail('FROM:<>')).toEqual({ mailbox: '', parameters: [] });
  expect(mail('from:<a@b.example> size=5 SMTPUTF8  ENVID=x+2By')).toEqual({
    mailbox: 'a@b.example',
    parameters: [{ keyword: 'SIZE', value: '5' }, { keyword: 'SMTPUTF8' }, { keyword: 'ENVID', value: 'x+2By' }],
  });
  expect(mail('FROM: <a@b.example>')).toEqual({ mailbox: 'a@b.example', parameters: [] });
  expect(mail('FROM:<"a> SIZE=1"@b.example>')).toEqual({ mailbox: '"a> SIZE=1"@b.example', parameters: [] });
});

test.each([
  ['@r.example:u@d.example', 'u@d.example'],
  ['@r1.example,@r2.example:u@d.example', 'u@d.example'],
  ['@[192.0.2.1],@[IPv6:2001:db8::1]:u@d.example', 'u@d.example'],
  ['@r.example:postmaster', 'postmaster'],
  ['@r.example:', 'syntax'],
  ['@r.example', 'syntax'],
  ['@r.example,:u@d.example', 'syntax'],
  ['@r.example,r2.example:u@d.example', 'syntax'],
  ['@-r.example:u@d.example', 'syntax'],
  ['@:u@d.example', 'syntax'],
])('the source route of <%s> is stripped (RFC 5321 appendix C): %s', (path, mailbox) => expect(rcpt(`TO:<${path}>`)).toBe(mailbox));

test('postmaster alone and the null path each belong to one command', () => {
  expect(rcpt('TO:<Postmaster>')).toBe('Postmaster');
  expect(mail('FROM:<postmaster>')).toBe('syntax');
  expect(rcpt('TO:<>')).toBe('syntax');
});

test.each([
  '',
  'FROM',
  'FROM:',
  'FROM:a@b.example',
  'FROM:<a@b.example',
  'FROM:<a@b.example>>',
  'FROM:<a@b.example>SIZE=1',
  'TO:<a@b.example>',
  'FROM:<a@b.example>\tA=1',
  'FROM:<a @b.example>',
  'FROM:<a@b.example\r\nRCPT>',
  'FROM:<"a\r\nb"@b.example>',
])('%j is refused', (text) => expect(mail(text)).toBe('syntax'));

test.each(['FROM:<a@b.example> SIZE=', 'FROM:<a@b.example> =1', 'FROM:<a@b.example> A=1 a=2', 'FROM:<a@b.example> A=b=c', 'FROM:<a@b.example> A=\0'])(
  '%j is refused for its parameters',
  (text) => expect(mail(text)).toBe('parameter'),
);

describe('properties', () => {
  test('no argument throws, and an accepted mailbox has no control', () => {
    const texts = fc.oneof(
      anyText(),
      fc.stringMatching(/^[<>@,:"\\a.[\]= \r\n1]{0,40}$/).map((text) => `FROM:${text}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = parseMailArgument(text);
        if (result.ok) expect(result.value.mailbox).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 500 },
    );
  });

  test('parameters are split as they were joined', () => {
    const keyword = fc.stringMatching(/^[A-Z0-9][A-Z0-9-]{0,8}$/);
    const parameter = fc.record({ keyword, value: fc.stringMatching(/^[!-<>-~]{1,20}$/) });
    fc.assert(
      fc.property(fc.uniqueArray(parameter, { selector: (item) => item.keyword }), (parameters) => {
        const text = parameters.map((item) => ` ${item.keyword}=${item.value}`).join('');
        expect(splitParameters(text)).toEqual({ ok: true, value: parameters });
      }),
    );
  });
});
