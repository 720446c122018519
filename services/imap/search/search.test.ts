import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImapClient } from '../testing/imap-client.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from '../testing/imap-under-test.ts';

const message = (...lines: string[]): string => lines.join('\r\n');

/** Number, then flags and date for APPEND, then the message. */
const MESSAGES: readonly (readonly [string, string])[] = [
  [
    '(\\Seen) "01-Nov-2026 12:00:00 +0000" ',
    message('From: Zoe <zoe@example.org>', 'To: alice@example.org', 'Subject: Re: apples', 'Date: Fri, 30 Oct 2026 23:30:00 -0200', '', 'red and green'),
  ],
  [
    '(\\Flagged $Work) "02-Nov-2026 12:00:00 +0000" ',
    message(
      'From: bob@example.org',
      'To: zoe@example.org',
      'Cc: cc@example.org',
      'Subject: =?utf-8?Q?=C3=84pfel?=',
      'X-Tag: blue',
      'Message-ID: <2@x>',
      '',
      'grün',
    ),
  ],
  [
    '(\\Answered \\Draft) "03-Nov-2026 12:00:00 +0000" ',
    message(
      'From: anna@example.org',
      'Subject: pears',
      'Date: Sat, 31 Oct 2026 10:00:00 +0000',
      `Received: by hidden${'.'.repeat(20)}`,
      'References: <2@x>',
      '',
      'x'.repeat(3000),
    ),
  ],
  [
    '(\\Deleted) "03-Nov-2026 23:59:59 +0000" ',
    message('From: anna@example.org', 'Subject: [list] apples', 'Date: Sun, 1 Nov 2026 10:00:00 +0000', 'Bcc: hidden@example.org', '', 'green'),
  ],
];

let imap: ImapUnderTest;
let client: ImapClient;

beforeAll(async () => {
  imap = await startImapUnderTest();
  client = await imap.logIn();
  for (const [before, text] of MESSAGES) expect((await client.append('INBOX', text, before)).tagged).toMatch(/^OK/);
  await client.ok('EXAMINE INBOX');
}, 30_000);
afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await imap?.[Symbol.asyncDispose]();
});

describe('keys', () => {
  test.each([
    ['ALL', '1 2 3 4'],
    ['SEEN', '1'],
    ['UNSEEN UNDELETED', '2 3'],
    ['FLAGGED', '2'],
    ['KEYWORD $work', '2'],
    ['UNKEYWORD $WORK', '1 3 4'],
    ['ANSWERED DRAFT', '3'],
    ['UNANSWERED UNDRAFT UNFLAGGED', '1 4'],
    ['DELETED', '4'],
    ['OR SEEN DELETED', '1 4'],
    ['NOT (OR SEEN DELETED)', '2 3'],
    ['2:3', '2 3'],
    ['*', '4'],
    ['4:9', '4'],
    ['9', ''],
    ['UID 1,4:10', '1 4'],
    ['1:3 UID 2:4 NOT 3', '2'],
    ['FROM zoe', '1'],
    ['FROM EXAMPLE.org', '1 2 3 4'],
    ['TO "ZOE@"', '2'],
    ['CC cc', '2'],
    ['BCC hidden', '4'],
    ['SUBJECT "äpfel"', '2'],
    ['SUBJECT apples', '1 4'],
    ['HEADER X-Tag BLU', '2'],
    ['HEADER X-Tag ""', '2'],
    ['HEADER Received hidden', '3'],
    ['BODY green', '1 4'],
    ['TEXT zoe', '1 2'],
    ['CHARSET UTF-8 BODY grün', '2'],
    ['LARGER 2000', '3'],
    ['SMALLER 2000', '1 2 4'],
    ['BEFORE 2-Nov-2026', '1'],
    ['ON 3-Nov-2026', '3 4'],
    ['SINCE "03-nov-2026"', '3 4'],
    ['SENTBEFORE 31-Oct-2026', '1'],
    ['SENTON 31-Oct-2026', '3'],
    ['SENTSINCE 1-Nov-2026', '2 4'],
    ['FROM nobody', ''],
  ])('%s', async (keys, numbers) => {
    const text = Buffer.from(keys).toString('latin1');
    const found = /[^\x00-\x7F]/.test(keys) ? await literalSearch(keys) : await client.ok(`SEARCH ${text}`);
    expect(found).toEqual([numbers === '' ? 'SEARCH' : `SEARCH ${numbers}`]);
  });

  /** With its last word as a literal. */
  async function literalSearch(keys: string): Promise<readonly string[]> {
    const at = keys.lastIndexOf(' ');
    const word = Buffer.from(keys.slice(at + 1).replaceAll('"', ''));
    const tag = client.send(`SEARCH ${keys.slice(0, at)} {${word.length}+}\r\n${word.toString()}`);
    return (await client.answer(tag)).untagged;
  }

  test('another charset, and one that is not known', async () => {
    const tag = client.send('SEARCH CHARSET iso-8859-1 BODY {4}');
    expect(await client.response()).toMatch(/^\+/);
    client.dialogue.sendRaw(Buffer.concat([Buffer.from('grün', 'latin1'), Buffer.from('\r\n')]));
    expect((await client.answer(tag)).untagged).toEqual(['SEARCH 2']);
    expect((await client.command('SEARCH CHARSET x-none SUBJECT a')).tagged).toMatch(/^NO \[BADCHARSET \(US-ASCII UTF-8\)\]/);
  });

  test('UID SEARCH, object ids (RFC 8474 section 6) and modseqs', async () => {
    expect(await client.ok('UID SEARCH SUBJECT pears')).toEqual(['SEARCH 3']);
    const [, id] = /EMAILID \((.*?)\)/.exec((await client.ok('FETCH 2 EMAILID')).join()) ?? [];
    expect(await client.ok(`SEARCH EMAILID ${id}`)).toEqual(['SEARCH 2']);
    const [, thread] = /THREADID \((.*?)\)/.exec((await client.ok('FETCH 2 THREADID')).join()) ?? [];
    expect(await client.ok(`SEARCH THREADID ${thread}`)).toEqual(['SEARCH 2 3']);
    const answer = await client.ok('SEARCH MODSEQ "/flags/\\\\Draft" all 1 3:4');
    const [, modseq] = /FETCH \(UID 4 .*MODSEQ \((\d+)\)/.exec((await client.ok('UID FETCH 4 (MODSEQ)')).join()) ?? [];
    expect(answer).toContain(`SEARCH 3 4 (MODSEQ ${modseq})`);
    expect(await client.ok('SEARCH MODSEQ 999999')).toEqual(['SEARCH']);
  });

  test('what is no key is refused', async () => {
    for (const keys of [
      '',
      'NOTHING',
      'FROM',
      'OR SEEN',
      '()',
      '(SEEN',
      '0',
      'ON 31-Feb-2026',
      'constructor',
      `${'NOT '.repeat(500)}SEEN`,
      'RETURN (NONE) ALL',
      'ALL  SEEN',
      'HEADER X-Tag',
    ])
      expect((await client.command(`SEARCH ${keys}`)).tagged, keys).toMatch(/^BAD/);
  });
});

describe('RETURN (RFC 4731, RFC 5182)', () => {
  test('MIN, MAX, COUNT and ALL', async () => {
    const tagged = async (command: string): Promise<string> => (await client.ok(command)).join().replace(/TAG "a\d+"/, 'TAG');
    expect(await tagged('SEARCH RETURN (MIN MAX COUNT ALL) NOT 2')).toBe('ESEARCH (TAG) MIN 1 MAX 4 ALL 1,3:4 COUNT 3');
    expect(await tagged('UID SEARCH RETURN () ALL')).toBe('ESEARCH (TAG) UID ALL 1:4');
    expect(await tagged('SEARCH RETURN (COUNT MIN ALL) FROM nobody')).toBe('ESEARCH (TAG) COUNT 0');
    expect(await tagged('SEARCH RETURN (MIN) MODSEQ 1')).toMatch(/^ESEARCH \(TAG\) MIN 1 MODSEQ \d+$/);
  });

  test('SAVE and $', async () => {
    expect(await client.ok('SEARCH RETURN (SAVE) 2:4')).toEqual([]);
    expect(await client.ok('SEARCH $ UNDELETED')).toEqual(['SEARCH 2 3']);
    expect(await client.ok('FETCH $ (UID)')).toEqual(['2 FETCH (UID 2)', '3 FETCH (UID 3)', '4 FETCH (UID 4)']);
    await client.ok('SEARCH RETURN (SAVE MIN MAX) $');
    expect(await client.ok('UID SEARCH UID $')).toEqual(['SEARCH 2 4']);
    await client.command('SEARCH RETURN (SAVE) CHARSET x-none TEXT a');
    expect(await client.ok('SEARCH $')).toEqual(['SEARCH']);
  });

  test('IMAP4rev2 always answers with ESEARCH', async () => {
    await using modern = await imap.logIn();
    await modern.ok('ENABLE IMAP4rev2');
    await modern.ok('EXAMINE INBOX');
    expect(await modern.ok('SEARCH SEEN')).toEqual([expect.stringMatching(/^ESEARCH \(TAG "a\d+"\) ALL 1$/)]);
    const tag = modern.send('SEARCH SUBJECT "äpfel"');
    expect((await modern.answer(tag)).untagged).toEqual([`ESEARCH (TAG "${tag}") ALL 2`]);
  });
});

describe('SORT and THREAD (RFC 5256)', () => {
  test.each([
    ['(ARRIVAL)', '1 2 3 4'],
    ['(REVERSE ARRIVAL)', '4 3 2 1'],
    ['(DATE)', '1 3 4 2'],
    ['(FROM)', '3 4 2 1'],
    ['(FROM REVERSE SIZE)', '3 4 2 1'],
    ['(REVERSE FROM DATE)', '1 2 3 4'],
    ['(SUBJECT)', '1 4 3 2'],
    ['(TO)', '3 4 1 2'],
    ['(CC)', '1 3 4 2'],
  ])('SORT %s', async (order, numbers) => {
    expect(await client.ok(`SORT ${order} UTF-8 ALL`)).toEqual([`SORT ${numbers}`]);
  });

  test('of some, by UID, and of none', async () => {
    expect(await client.ok('UID SORT (REVERSE DATE) US-ASCII 1:3')).toEqual(['SORT 2 3 1']);
    expect(await client.ok('SORT (DATE) UTF-8 FROM nobody')).toEqual(['SORT']);
    expect((await client.command('SORT (COLOUR) UTF-8 ALL')).tagged).toMatch(/^BAD/);
    expect((await client.command('SORT () UTF-8 ALL')).tagged).toMatch(/^BAD/);
    expect((await client.command('SORT (DATE) x-none ALL')).tagged).toMatch(/^NO \[BADCHARSET/);
  });

  test('THREAD', async () => {
    expect(await client.ok('THREAD REFERENCES UTF-8 ALL')).toEqual(['THREAD (4 1)(2 3)']);
    expect(await client.ok('UID THREAD REFERENCES UTF-8 2:3')).toEqual(['THREAD (2 3)']);
    expect(await client.ok('THREAD REFERENCES UTF-8 FROM nobody')).toEqual(['THREAD']);
    expect((await client.command('THREAD ORDEREDSUBJECT UTF-8 ALL')).tagged).toMatch(/^BAD/);
  });
});

test('\\Recent is what this session is told of first (RFC 3501 section 6.4.4)', async () => {
  await imap.deliver(ALICE, ['Subject: one\r\n\r\n']);
  await using first = await imap.logIn();
  await first.ok('SELECT INBOX');
  expect(await first.ok('SEARCH RECENT')).toEqual([expect.stringMatching(/^SEARCH .*\b5$/)]);
  expect(await first.ok('SEARCH NEW SUBJECT one')).toEqual(['SEARCH 5']);
  await using second = await imap.logIn();
  await second.ok('SELECT INBOX');
  expect(await second.ok('SEARCH OR RECENT NEW')).toEqual(['SEARCH']);
  expect(await second.ok('SEARCH OLD 5')).toEqual(['SEARCH 5']);
});

test('messages that the client was not told of are not found', async () => {
  await using one = await imap.logIn('bob@example.org');
  await using other = await imap.logIn('bob@example.org');
  await one.append('INBOX', 'Subject: a\r\n\r\n');
  await one.ok('SELECT INBOX');
  await other.append('INBOX', 'Subject: ab\r\n\r\n');
  const { untagged } = await one.command('SEARCH SUBJECT a');
  expect(untagged).toContain('SEARCH 1');
  expect(untagged).toContain('2 EXISTS');
  expect((await one.ok('SEARCH SUBJECT a'))[0]).toBe('SEARCH 1 2');
});

test('as many keys as a client needs, and not as many as would hold up others', async () => {
  expect(await client.ok(`SEARCH ${'SUBJECT apples '.repeat(999)}FLAGGED`)).toContain('SEARCH');
  expect((await client.command(`SEARCH ${'SUBJECT apples '.repeat(1_001)}FLAGGED`)).tagged).toBe('BAD Too many search keys');
  expect(await client.ok(`SEARCH ${'OR '.repeat(400)}${'SUBJECT x '.repeat(400)}FLAGGED`)).toContain('SEARCH 2');
  expect(await client.ok(`SEARCH ${'OR SUBJECT x '.repeat(400)}FLAGGED`)).toContain('SEARCH 2');
  expect(await client.ok(`SORT (${'SUBJECT REVERSE DATE '.repeat(1_500)}SIZE) UTF-8 ALL`)).toEqual(
    await client.ok('SORT (SUBJECT REVERSE DATE SIZE) UTF-8 ALL'),
  );
});

test('RFC 6855 section 3: with UTF8=ACCEPT no other charset is named', async () => {
  await using mine = await imap.logIn();
  await mine.ok('ENABLE UTF8=ACCEPT');
  await mine.ok('EXAMINE INBOX');
  expect((await mine.command('SEARCH CHARSET UTF-8 SUBJECT apples')).tagged).toBe('BAD CHARSET does not go with UTF8=ACCEPT');
  expect((await mine.command('SORT (DATE) US-ASCII ALL')).tagged).toBe('BAD The only charset with UTF8=ACCEPT is UTF-8');
  expect(await mine.ok('SEARCH SUBJECT "Äpfel"')).toEqual(['SEARCH 2']);
  expect((await mine.ok('THREAD REFERENCES utf-8 ALL')).length).toBe(1);
});
