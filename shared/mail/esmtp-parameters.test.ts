import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMailParameters, parseRcptParameters } from './esmtp-parameters.ts';
import { splitParameters } from './path.ts';
import { anyText } from './testing/any-text.ts';

function parameters(text: string) {
  const result = splitParameters(text === '' ? '' : ` ${text}`);
  if (!result.ok) throw new Error(result.problem.text);
  return result.value;
}
const mail = (text: string) => {
  const result = parseMailParameters(parameters(text));
  return result.ok ? result.value : result.problem.kind;
};
const rcpt = (text: string) => {
  const result = parseRcptParameters(parameters(text));
  return result.ok ? result.value : result.problem.kind;
};

test.each([
  ['', { body: '7bit', smtputf8: false }],
  ['SIZE=1000 BODY=8BitMime SMTPUTF8', { body: '8bitmime', smtputf8: true, size: 1000 }],
  ['RET=HDRS ENVID=QQ314159', { body: '7bit', smtputf8: false, ret: 'hdrs', envid: 'QQ314159' }],
  ['RET=full ENVID=a+20b+3D', { body: '7bit', smtputf8: false, ret: 'full', envid: 'a b=' }],
  ['AUTH=<>', { body: '7bit', smtputf8: false }],
  ['AUTH=e+3Dmc2@example.com', { body: '7bit', smtputf8: false }],
])('MAIL %s', (text, value) => expect(mail(text)).toEqual(value));

test.each([
  'SIZE',
  'SIZE=-1',
  'SIZE=1x',
  'SIZE=111111111111111111111',
  'BODY=BINARYMIME',
  'BODY',
  'SMTPUTF8=YES',
  'RET=SOME',
  'ENVID',
  'ENVID=+0D+0A',
  'ENVID=+C3+A4',
  'ENVID=a+2',
  `ENVID=${'a'.repeat(101)}`,
  'AUTH=+2',
])('MAIL %s is a syntax error', (text) => expect(mail(text)).toBe('syntax'));

test.each(['XYZ', 'NOTIFY=NEVER', 'CONSTRUCTOR=1', 'TOSTRING'])('MAIL %s is not recognised', (text) => expect(mail(text)).toBe('unrecognised'));

test.each([
  ['', {}],
  ['NOTIFY=never', { notify: ['never'] }],
  ['NOTIFY=SUCCESS,failure,DELAY,SUCCESS', { notify: ['success', 'failure', 'delay'] }],
  ['ORCPT=rfc822;Bob+2Btag@Example.com', { orcpt: 'rfc822;Bob+tag@Example.com' }],
  ['ORCPT=X400;/c=us'.replace('=us', '+3Dus'), { orcpt: 'X400;/c=us' }],
  ['ORCPT=utf-8;D\\x{F6}@example.com', { orcpt: 'utf-8;Dö@example.com' }],
  ['ORCPT=UTF-8;Dö@example.com', { orcpt: 'UTF-8;Dö@example.com' }],
])('RCPT %s', (text, value) => expect(rcpt(text)).toEqual(value));

test.each([
  'NOTIFY=NEVER,SUCCESS',
  'NOTIFY',
  'NOTIFY=SOMETIMES',
  'NOTIFY=SUCCESS,',
  'ORCPT',
  'ORCPT=bob@example.com',
  'ORCPT=rfc822;',
  'ORCPT=rfc822;a+0D+0Ab',
  'ORCPT=rfc822;a+C3+A4',
  'ORCPT=utf-8;a\\x{0A}b',
  `ORCPT=rfc822;${'a'.repeat(500)}`,
])('RCPT %s is a syntax error', (text) => expect(rcpt(text)).toBe('syntax'));

test.each(['RET=FULL', 'SIZE=1'])('RCPT %s is not recognised', (text) => expect(rcpt(text)).toBe('unrecognised'));

test('no parameter throws', () => {
  const keyword = fc.constantFrom('SIZE', 'BODY', 'RET', 'ENVID', 'AUTH', 'NOTIFY', 'ORCPT', 'SMTPUTF8');
  fc.assert(
    fc.property(keyword, anyText(), (name, value) => void [parseMailParameters([{ keyword: name, value }]), parseRcptParameters([{ keyword: name, value }])]),
  );
});
