import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ALICE, startImapUnderTest } from '../testing/imap-under-test.ts';

const FETCH = [
  'FLAGS',
  'BODY',
  'BODY[',
  'BODY.PEEK[',
  'BINARY[',
  'BINARY.SIZE[',
  '1',
  '.2',
  '.',
  'HEADER',
  'HEADER.FIELDS ',
  'TEXT',
  'MIME',
  ']',
  '<0.5>',
  '<9',
  'ENVELOPE',
  'ALL',
  '(',
  ')',
  ' ',
  '"',
  'RFC822',
  '[]',
];
const SEARCH = [
  'ALL',
  'NOT ',
  'OR ',
  '(',
  ')',
  ' ',
  'FROM ',
  'x',
  '"y"',
  '"',
  '{1+}\r\n',
  'z',
  'UID ',
  '1:*',
  '$',
  ',',
  '*',
  'SINCE ',
  '1-Jan-2026',
  'LARGER ',
  '9',
  'MODSEQ ',
  'HEADER ',
  'RETURN (',
  'MIN',
  'SAVE',
  'CHARSET ',
  'utf-8',
  '\\Seen',
  'KEYWORD ',
];
const MESSAGE =
  'From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nz\r\n--b--\r\n';

test('no FETCH, SEARCH, SORT or THREAD is too strange for an answer, and none breaks anything', async () => {
  await using imap = await startImapUnderTest({ limits: { errors: 1_000_000 } });
  await imap.deliver(ALICE, [MESSAGE, 'Subject: plain\r\n\r\ntext\r\n']);
  await using client = await imap.logIn();
  await client.ok('SELECT INBOX');
  const words = (tokens: readonly string[]) => fc.array(fc.constantFrom(...tokens), { maxLength: 8 }).map((parts) => parts.join(''));
  const command = fc.oneof(
    fc.tuple(fc.constantFrom('FETCH 1:2 ', 'UID FETCH 1:* (', 'FETCH '), words(FETCH)),
    fc.tuple(fc.constantFrom('SEARCH ', 'UID SEARCH ', 'SORT (DATE) UTF-8 ', 'UID THREAD REFERENCES UTF-8 ', 'SORT (', 'THREAD '), words(SEARCH)),
  );
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(command, async ([name, rest]) => {
      const { tagged } = await client.command(`${name}${rest}`);
      expect(tagged).toMatch(/^(?:OK|BAD|NO \[(?:BADCHARSET|UNKNOWN-CTE))/);
      if (tagged.startsWith('OK')) answered++;
    }),
    { numRuns: 1000 },
  );
  expect(answered).toBeGreaterThan(5);
  expect(imap.lines.filter((line) => line.includes('command failed'))).toEqual([]);
}, 30_000);
