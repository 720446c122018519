import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { watchLoop } from '#shared/mail/mime/testing/loop-watch.ts';
import type { MailboxStore, MessageWants } from '#shared/mailstore/mailbox-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import type { ImapClient } from '../testing/imap-client.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from '../testing/imap-under-test.ts';

const OWN = 'Return-Path: <>\r\n';
const message = (...lines: string[]): string => lines.join('\r\n');

const PLAIN = message(
  'From: Jane Doe <jane@example.org>',
  'To: alice@example.org',
  'Subject: hello',
  'Date: Sun, 22 Nov 2026 10:00:00 +0100',
  'Message-ID: <1@x>',
  '',
  'one',
  'two',
  '',
);
const NESTED = message(
  'Subject: nested',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  'preamble',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  'X-Part: 1',
  '',
  'aGVsbG8gw7w=',
  '--b',
  'Content-Type: message/rfc822',
  'Content-Disposition: attachment; filename="a b.eml"',
  '',
  'From: inner@example.org',
  'Subject: inner',
  'Content-Type: multipart/alternative; boundary=c',
  '',
  '--c',
  '',
  'first',
  '--c',
  'Content-Type: application/octet-stream',
  'Content-Transfer-Encoding: x-odd',
  'Content-Language: de, en',
  '',
  'second',
  '--c--',
  '--b--',
  '',
);
const MESSAGES = [PLAIN, NESTED, message('Subject: =?utf-8?Q?gr=C3=BCn?=', 'From: "J\\"ö" <j@x>', '', `${'x'.repeat(78)}\r\n`.repeat(2000))];

let imap: ImapUnderTest;
let client: ImapClient;

async function deliver(account: string, messages: readonly (string | Buffer)[]): Promise<void> {
  for (const each of messages) await imap.deliver(account, [each]);
}

beforeAll(async () => {
  imap = await startImapUnderTest();
  await deliver(ALICE, MESSAGES);
  client = await imap.logIn();
  await client.ok('EXAMINE INBOX');
}, 30_000);
afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await imap?.[Symbol.asyncDispose]();
});

/** The one response to this item of message 1, 2 or 3. */
async function fetched(set: string, items: string): Promise<string> {
  return (await client.ok(`FETCH ${set} ${items}`)).join('\n');
}

describe('items', () => {
  test('macros, sizes, dates and flags', async () => {
    const size = OWN.length + PLAIN.length;
    expect((await fetched('1', 'FAST')).replace('\\Recent', '')).toBe(`1 FETCH (FLAGS () INTERNALDATE "22-Nov-2026 10:00:00 +0000" RFC822.SIZE ${size})`);
    const envelope =
      'ENVELOPE ("Sun, 22 Nov 2026 10:00:00 +0100" "hello" (("Jane Doe" NIL "jane" "example.org")) (("Jane Doe" NIL "jane" "example.org")) (("Jane Doe" NIL "jane" "example.org")) ((NIL NIL "alice" "example.org")) NIL NIL NIL "<1@x>")';
    expect(await fetched('1', 'ALL')).toContain(envelope);
    expect(await fetched('1', 'FULL')).toContain('BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)');
    expect(await fetched('1:2', '(UID)')).toBe('1 FETCH (UID 1)\n2 FETCH (UID 2)');
    expect(await fetched('1', '(EMAILID THREADID)')).toMatch(/^1 FETCH \(EMAILID \([A-Za-z0-9_-]+\) THREADID \([A-Za-z0-9_-]+\)\)$/);
  });

  test('BODYSTRUCTURE of nested parts (RFC 9051 section 7.5.2)', async () => {
    expect(await fetched('2', 'BODYSTRUCTURE')).toBe(
      '2 FETCH (BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "base64" 12 0 NIL NIL NIL NIL)' +
        '("message" "rfc822" NIL NIL NIL "7bit" 226 (NIL "inner" ((NIL NIL "inner" "example.org")) ((NIL NIL "inner" "example.org")) ((NIL NIL "inner" "example.org")) NIL NIL NIL NIL NIL)' +
        ' (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 0 NIL NIL NIL NIL)("application" "octet-stream" NIL NIL NIL "x-odd" 6 NIL NIL ("de" "en") NIL)' +
        ' "alternative" ("boundary" "c") NIL NIL NIL) 13 NIL ("attachment" ("filename" "a b.eml")) NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL))',
    );
  });

  test('encoded words for clients without UTF-8', async () => {
    expect(await fetched('3', 'ENVELOPE')).toContain('(NIL "=?utf-8?Q?gr=C3=BCn?=" (("=?utf-8?B?SiLDtg==?=" NIL "j" "x"))');
    await using modern = await imap.logIn();
    await modern.ok('ENABLE UTF8=ACCEPT');
    await modern.ok('EXAMINE INBOX');
    const [envelope] = await modern.ok('FETCH 3 ENVELOPE');
    expect(envelope).toContain('(("J\\"ö" NIL "j" "x"))');
  });
});

describe('sections', () => {
  const literal = (text: string): string => `{${text.length}}\r\n${text}`;
  const header = `${OWN}${PLAIN.slice(0, PLAIN.indexOf('\r\n\r\n') + 4)}`;
  const inner = NESTED.slice(NESTED.indexOf('From: inner'), NESTED.indexOf('\r\n--b--'));

  test.each([
    ['1', 'BODY[]', OWN + PLAIN],
    ['1', 'RFC822', OWN + PLAIN],
    ['1', 'BODY[HEADER]', header],
    ['1', 'RFC822.HEADER', header],
    ['1', 'BODY[TEXT]', 'one\r\ntwo\r\n'],
    ['1', 'RFC822.TEXT', 'one\r\ntwo\r\n'],
    ['1', 'BODY[1]', 'one\r\ntwo\r\n'],
    ['1', 'BODY[HEADER.FIELDS (return-path SUBJECT x-none)]', 'Return-Path: <>\r\nSubject: hello\r\n\r\n'],
    ['1', 'BODY[HEADER.FIELDS.NOT (From To Date Message-Id)]', 'Return-Path: <>\r\nSubject: hello\r\n\r\n'],
    ['2', 'BODY[1]', 'aGVsbG8gw7w='],
    ['2', 'BODY[1.MIME]', 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\nX-Part: 1\r\n\r\n'],
    ['2', 'BODY[2]', inner],
    ['2', 'BODY[2.HEADER]', inner.slice(0, inner.indexOf('\r\n\r\n') + 4)],
    ['2', 'BODY[2.HEADER.FIELDS (Subject)]', 'Subject: inner\r\n\r\n'],
    ['2', 'BODY[2.TEXT]', inner.slice(inner.indexOf('\r\n\r\n') + 4)],
    ['2', 'BODY[2.1]', 'first'],
    ['2', 'BODY[2.2.MIME]', 'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: x-odd\r\nContent-Language: de, en\r\n\r\n'],
  ])('of message %s: %s', async (set, item, text) => {
    const answer = await fetched(set, item.replace('BODY[', 'BODY.PEEK['));
    expect(answer).toBe(`${set} FETCH (${item} ${literal(text)})`);
  });

  test('partial, beyond the end, and of parts that are not there', async () => {
    expect(await fetched('1', '(BODY.PEEK[TEXT]<2.4>)')).toBe(`1 FETCH (BODY[TEXT]<2> ${literal('e\r\nt')})`);
    expect(await fetched('1', 'BODY.PEEK[TEXT]<8.100>')).toBe(`1 FETCH (BODY[TEXT]<8> ${literal('\r\n')})`);
    expect(await fetched('1', 'BODY.PEEK[]<5000.1>')).toBe('1 FETCH (BODY[]<5000> {0}\r\n)');
    for (const section of ['2', '1.1', '1.HEADER', '1.TEXT']) expect(await fetched('1', `BODY.PEEK[${section}]`)).toBe(`1 FETCH (BODY[${section}] NIL)`);
    expect(await fetched('2', 'BODY.PEEK[2.3.4]')).toBe('2 FETCH (BODY[2.3.4] NIL)');
  });

  test('a large body is streamed, and so is its part', async () => {
    const body = MESSAGES[2]?.slice(MESSAGES[2].indexOf('\r\n\r\n') + 4) ?? '';
    expect(await fetched('3', 'BODY.PEEK[TEXT]')).toBe(`3 FETCH (BODY[TEXT] ${literal(body)})`);
    expect(await fetched('3', '(BODY.PEEK[TEXT]<50000.60000> UID)')).toBe(`3 FETCH (BODY[TEXT]<50000> ${literal(body.slice(50_000, 110_000))} UID 3)`);
  });

  test('BINARY takes the encoding away (RFC 3516)', async () => {
    expect(await fetched('2', '(BINARY.PEEK[1] BINARY.SIZE[1])')).toBe(`2 FETCH (BINARY[1] {8}\r\nhello \xc3\xbc BINARY.SIZE[1] 8)`);
    expect(await fetched('2', 'BINARY.PEEK[1]<1.3>')).toBe('2 FETCH (BINARY[1]<1> {3}\r\nell)');
    expect(await fetched('2', 'BINARY.PEEK[7]')).toBe('2 FETCH (BINARY[7] NIL)');
    expect((await client.command('FETCH 2 BINARY.PEEK[2.2]')).tagged).toMatch(/^NO \[UNKNOWN-CTE\]/);
  });

  test('what is no item is refused', async () => {
    for (const item of [
      'NONE',
      'BODY[',
      'BODY[0]',
      'BODY[1.]',
      'BODY[MIME]',
      'BODY[]<0.0>',
      'BODY[]<1>',
      'BODY[HEADER.FIELDS]',
      'BODY[HEADER.FIELDS ()]',
      '()',
      '(ALL)',
      'BINARY[TEXT]',
      'FLAGS (VANISHED)',
      'FLAGS (CHANGEDSINCE)',
    ])
      expect((await client.command(`FETCH 1 ${item}`)).tagged, item).toMatch(/^BAD/);
    expect((await client.command('FETCH 4 FLAGS')).tagged).toMatch(/^BAD/);
    expect((await client.command('UID FETCH 4 FLAGS')).untagged).toEqual([]);
  });
});

describe('flags and changes', () => {
  test('a body that is read becomes \\Seen once, when the mailbox is open for writing', async () => {
    await imap.deliver('bob@example.org', [PLAIN, NESTED]);
    await using bob = await imap.logIn('bob@example.org');
    await bob.ok('EXAMINE INBOX');
    expect(await bob.ok('FETCH 1 BODY[TEXT]<0.1>')).toEqual([expect.not.stringContaining('FLAGS')]);
    await bob.ok('SELECT INBOX');
    expect(await bob.ok('FETCH 1 BODY.PEEK[TEXT]<0.1>')).toEqual([expect.not.stringContaining('FLAGS')]);
    expect(await bob.ok('FETCH 1 BODY[TEXT]<0.1>')).toEqual([expect.stringContaining(' FLAGS (\\Seen')]);
    expect(await bob.ok('FETCH 1 BODY[TEXT]<0.1>')).toEqual([expect.not.stringContaining('FLAGS')]);
    expect(await bob.ok('FETCH 2 (FLAGS RFC822)')).toEqual([expect.stringMatching(/^2 FETCH \(FLAGS \(\\Seen/)]);
  });

  test('CHANGEDSINCE and VANISHED (RFC 7162 section 3.1.4.1 and 3.2.6)', async () => {
    await using bob = await imap.logIn('bob@example.org');
    await bob.ok('CREATE changes');
    for (let i = 0; i < 5; i++) await bob.append('changes', PLAIN);
    await bob.ok('ENABLE QRESYNC');
    const selected = await bob.ok('SELECT changes');
    const modseq = Number(/HIGHESTMODSEQ (\d+)/.exec(selected.join())?.[1]);
    await bob.ok('UID STORE 2 +FLAGS (\\Flagged)');
    await bob.ok('UID STORE 3,5 +FLAGS (\\Deleted)');
    await bob.ok('UID EXPUNGE 3,5');
    const answer = await bob.ok(`UID FETCH 1:4 (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`);
    expect(answer).toEqual(['VANISHED (EARLIER) 3', expect.stringMatching(/^2 FETCH \(UID 2 FLAGS \(\\Flagged.*\) MODSEQ \(\d+\)\)$/)]);
    expect(await bob.ok(`UID FETCH 1:* (RFC822.SIZE) (CHANGEDSINCE ${modseq})`)).toEqual([expect.stringMatching(/^2 FETCH \(UID 2 RFC822.SIZE \d+ MODSEQ/)]);
    expect((await bob.command(`FETCH 1 (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`)).tagged).toMatch(/^BAD/);
  });

  test('messages that another session expunged are missed, and said so', async () => {
    await using one = await imap.logIn('bob@example.org');
    await using other = await imap.logIn('bob@example.org');
    await one.ok('CREATE expunged');
    for (let i = 0; i < 3; i++) await one.append('expunged', PLAIN);
    await one.ok('SELECT expunged');
    await other.ok('SELECT expunged');
    await other.ok('UID STORE 2 +FLAGS.SILENT (\\Deleted)');
    await other.ok('EXPUNGE');
    const { tagged, untagged } = await one.command('FETCH 1:3 (UID RFC822.SIZE)');
    expect(tagged).toMatch(/^OK \[EXPUNGEISSUED\]/);
    expect(untagged.filter((line) => line.includes('RFC822.SIZE')).map((line) => line.slice(0, 15))).toEqual(['1 FETCH (UID 1 ', '3 FETCH (UID 3 ']);
    expect(await one.ok('NOOP')).toContain('2 EXPUNGE');
  });
});

test('content that is lost is said, and the other messages are told', async () => {
  await using broken = await startImapUnderTest({ around: losing(2) });
  for (const text of [PLAIN, NESTED, PLAIN]) await broken.deliver(ALICE, [text]);
  await using alice = await broken.logIn();
  await alice.ok('SELECT INBOX');
  for (const command of ['FETCH 1:3 (UID BODY[TEXT])', 'UID FETCH 1:3 (BODY.PEEK[])']) {
    const { tagged, untagged } = await alice.command(command);
    expect(tagged).toMatch(/^NO \[CORRUPTION\]/);
    expect(untagged.filter((line) => line.includes('BODY[')).map((line) => line.slice(0, 15))).toEqual(['1 FETCH (UID 1 ', '3 FETCH (UID 3 ']);
  }
  expect(await alice.ok('FETCH 2 (FLAGS)')).toEqual([expect.stringContaining('\\Seen')]);
  expect(broken.lines.some((line) => line.includes('without their content'))).toBe(true);
});

/** A store that has lost the content of the message with this UID. */
function losing(lost: number): (store: Mailstore) => Mailstore {
  return (store) =>
    replaced(store, 'account', async (address: string) => {
      const account = await store.account(address);
      return account && replaced(account, 'open', (id: number) => losingMailbox(account.open(id), lost));
    });
}

function losingMailbox(mailbox: MailboxStore, lost: number): MailboxStore {
  return replaced(mailbox, 'messages', async function* (uids: UidSet, wants?: MessageWants) {
    for await (const batch of mailbox.messages(uids, wants))
      yield batch.map((info) => (info.uid === lost ? replaced(info, 'content', replaced(info.content, 'read', read)) : info));
  });
  // biome-ignore lint/correctness/useYield: it fails before
  async function* read(): AsyncGenerator<Buffer> {
    throw new ContentMissingError('lost');
  }
}

function replaced<T extends object, K extends keyof T>(target: T, name: K, value: T[K]): T {
  return new Proxy(target, {
    get(from, key) {
      if (key === name) return value;
      const found: unknown = Reflect.get(from, key, from);
      return typeof found === 'function' ? found.bind(from) : found;
    },
  });
}

test('a message with a million parts and one nested 100 deep are listed and read, and the loop is not blocked', async () => {
  await using carol = await imap.logIn('bob@example.org');
  await carol.ok('CREATE bombs');
  const parts = Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(1_000_000)}--b--\r\n`);
  const deep = Buffer.from(`${Array.from({ length: 100 }, () => 'Content-Type: message/rfc822\r\n\r\n').join('')}Subject: in\r\n\r\ntext`);
  using loop = watchLoop();
  await imap.deliver('bob@example.org', [deep, parts], 'bombs');
  await carol.ok('SELECT bombs');
  await carol.ok('FETCH 1:* (UID RFC822.SIZE)');
  const structures = await carol.ok('UID FETCH 1:* (BODYSTRUCTURE)');
  const sections = await carol.ok(`UID FETCH 1:* (BODY.PEEK[1] BODY.PEEK[9999]<0.10> BODY.PEEK[${Array(99).fill('1').join('.')}])`);
  expect(structures.map((line) => line.split('("text"').length - 1).sort((a, b) => b - a)[0]).toBeGreaterThan(9_000);
  expect(structures.some((line) => line.split('"rfc822"').length > 90)).toBe(true);
  expect(sections).toHaveLength(2);
  expect(loop.worst).toBeLessThan(100);
}, 30_000);

test('RFC 9051 section 9: no literal holds NUL; BINARY tells it as it is', async () => {
  await using mine = await imap.logIn();
  await mine.ok('CREATE nul');
  await imap.deliver(ALICE, [`Subject: a\0b\r\n\r\nc\0d\r\n${'e\0'.repeat(50_000)}\r\n`], 'nul');
  await mine.ok('SELECT nul');
  const all = await mine.ok('FETCH 1 (ENVELOPE BODY.PEEK[] BODY.PEEK[TEXT]<0.3> BODY.PEEK[HEADER.FIELDS (Subject)] RFC822.SIZE)');
  expect(all.join('').includes('\0')).toBe(false);
  expect(all.join('')).toContain('BODY[TEXT]<0> {3}\r\nc\x80d');
  expect(all.join('')).toContain('{16}\r\nSubject: a\x80b\r\n\r\n');
  expect(await mine.ok('FETCH 1 BINARY.PEEK[1]<0.3>')).toEqual(['1 FETCH (BINARY[1]<0> ~{3}\r\nc\0d)']);
  expect((await mine.ok('SEARCH TEXT c')).join('')).toBe('SEARCH 1');
});

test('an item is answered once, however often it is asked for; one of them that sets \\Seen is enough', async () => {
  await using mine = await imap.logIn();
  await mine.ok('CREATE twice');
  await imap.deliver(ALICE, ['Subject: x\r\n\r\ny\r\n'], 'twice');
  await mine.ok('SELECT twice');
  expect(await mine.ok('FETCH 1 (UID BODY.PEEK[TEXT] UID BODY[TEXT] RFC822.SIZE BODY.PEEK[TEXT] RFC822.SIZE)')).toEqual([
    '1 FETCH (UID 1 BODY[TEXT] {3}\r\ny\r\n RFC822.SIZE 34 FLAGS (\\Seen \\Recent))',
  ]);
});
