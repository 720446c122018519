// Commands of the selected state, and what other sessions are told of them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImapClient } from './testing/imap-client.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
let client: ImapClient;
let other: ImapClient;
beforeAll(async () => {
  imap = await startImapUnderTest({ config: { ingress: { limits: { message_size: 2_000_000 } } } });
});
afterAll(async () => imap[Symbol.asyncDispose]());
/** Five messages; the first of the two sessions has their \Recent. */
beforeEach(async () => {
  await imap.store.removeAccount(ALICE);
  for (const number of [1, 2, 3, 4, 5]) await imap.deliver(ALICE, [`Subject: ${number}\r\n\r\n${number}\r\n`]);
  client = await imap.logIn();
  other = await imap.logIn();
  return async () => {
    await client[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  };
});

const ALL = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';
const code = (tagged: string) => /\[(.*?)\]/.exec(tagged)?.[1];

describe('SELECT', () => {
  test('RFC 3501 section 6.3.1: says what the mailbox holds; \\Recent is for one session', async () => {
    expect(await other.ok('EXAMINE INBOX')).toContain('5 RECENT');
    const { tagged, untagged } = await client.command('SELECT INBOX');
    expect(untagged).toEqual([
      `FLAGS (${ALL})`,
      `OK [PERMANENTFLAGS (${ALL} \\*)] Flags that can be changed`,
      '5 EXISTS',
      '5 RECENT',
      'OK [UNSEEN 1] First unseen message',
      expect.stringMatching(/^OK \[UIDVALIDITY [1-9]\d*\]/),
      'OK [UIDNEXT 6] Predicted next UID',
      expect.stringMatching(/^OK \[HIGHESTMODSEQ [1-9]\d*\]/),
      expect.stringMatching(/^OK \[MAILBOXID \(F\d+\)\]/),
    ]);
    expect(code(tagged)).toBe('READ-WRITE');
    const again = await other.command('EXAMINE INBOX');
    expect(again.untagged).toContain('0 RECENT');
    expect(again.untagged).toContain('OK [PERMANENTFLAGS ()] No flags can be changed');
    expect(code(again.tagged)).toBe('READ-ONLY');
  });

  test('RFC 9051 section 6.3.2: IMAP4rev2 knows no RECENT and no UNSEEN, and wants a LIST', async () => {
    await client.ok('ENABLE IMAP4rev2');
    const lines = await client.ok('SELECT inbox');
    expect(lines.some((line) => /RECENT|UNSEEN/.test(line))).toBe(false);
    expect(lines).toContain('LIST () "/" INBOX');
    expect(await client.ok('FETCH 1 FLAGS')).toEqual(['1 FETCH (FLAGS ())']);
  });

  test('another one takes the place of the first, a failed one leaves none', async () => {
    await client.ok('SELECT INBOX');
    expect((await client.ok('SELECT Sent'))[0]).toBe('OK [CLOSED] Previous mailbox is closed');
    await client.command('SELECT nowhere');
    expect((await client.command('CHECK')).tagged).toBe('BAD CHECK is not allowed now: authenticated');
  });

  test('a mailbox that is read-only stays as it is', async () => {
    await client.ok('EXAMINE INBOX');
    for (const command of ['STORE 1 FLAGS (\\Seen)', 'EXPUNGE', 'UID EXPUNGE 1', 'MOVE 1 Sent'])
      expect((await client.command(command)).tagged).toMatch(/^NO \[CANNOT\]/);
    await client.ok('CLOSE');
  });
});

describe('STORE', () => {
  test('sets, adds and removes, and tells the others', async () => {
    await client.ok('SELECT INBOX');
    await other.ok('SELECT INBOX');
    expect(await client.ok('STORE 1:2 FLAGS (\\Seen $Work)')).toEqual([
      `FLAGS (${ALL} $Work)`,
      `OK [PERMANENTFLAGS (${ALL} $Work \\*)] Flags that can be changed`,
      '1 FETCH (FLAGS (\\Seen $Work \\Recent))',
      '2 FETCH (FLAGS (\\Seen $Work \\Recent))',
    ]);
    expect(await client.ok('UID STORE 2 +FLAGS \\Flagged')).toEqual(['2 FETCH (UID 2 FLAGS (\\Flagged \\Seen $Work \\Recent))']);
    expect(await client.ok('STORE 2 -FLAGS (\\seen $work)')).toEqual(['2 FETCH (FLAGS (\\Flagged \\Recent))']);
    expect(await client.ok('STORE 3 +FLAGS.SILENT (\\Deleted)')).toEqual([]);
    expect(await other.ok('NOOP')).toEqual([
      `FLAGS (${ALL} $Work)`,
      `OK [PERMANENTFLAGS (${ALL} $Work \\*)] Flags that can be changed`,
      ...['1 FETCH (FLAGS (\\Seen $Work))', '2 FETCH (FLAGS (\\Flagged))', '3 FETCH (FLAGS (\\Deleted))'],
    ]);
    expect(await client.ok('NOOP')).toEqual([]);
  });

  test.each([
    ['STORE 6 FLAGS ()', 'BAD There is no message with this sequence number'],
    ['STORE 0 FLAGS ()', 'BAD Invalid message set'],
    ['STORE 1 FLAGS (\\Nonsense)', 'NO [CANNOT] *'],
    ['STORE 1 BODY x', 'BAD Expected FLAGS, +FLAGS or -FLAGS, and .SILENT perhaps'],
    ['STORE 1 FLAGS (a', 'BAD Expected ")"'],
    ['UID STORE 99 FLAGS (\\Seen)', 'OK Stored'],
    [`STORE 1 FLAGS (${'x'.repeat(200)})`, 'NO [LIMIT] *'],
  ])('%s: %s', async (command, expected) => {
    await client.ok('SELECT INBOX');
    expect((await client.command(command)).tagged).toMatch(new RegExp(`^${expected.replace(/[[\]().+"\\]/g, '\\$&').replace('*', '.*')}$`));
  });
});

describe('EXPUNGE', () => {
  test('RFC 9051 section 7.5.1: others are not told while they name messages by number', async () => {
    await client.ok('SELECT INBOX');
    await other.ok('SELECT INBOX');
    await client.ok('STORE 2,4 +FLAGS.SILENT (\\Deleted)');
    expect(await client.ok('EXPUNGE')).toEqual(['4 EXPUNGE', '2 EXPUNGE']);
    // The numbers of the others stand still.
    expect(await other.ok('STORE 5 FLAGS (\\Seen)')).toContain('5 FETCH (FLAGS (\\Seen))');
    expect(await other.ok('UID STORE 5 FLAGS ()')).toEqual(['5 FETCH (UID 5 FLAGS ())', '4 EXPUNGE', '2 EXPUNGE']);
    expect(await other.ok('FETCH 3 UID')).toEqual(['3 FETCH (UID 5)']);
  });

  test('RFC 4315 section 2.1: UID EXPUNGE takes the named ones only, CLOSE all in silence', async () => {
    await client.ok('SELECT INBOX');
    await client.ok('STORE 1:4 +FLAGS.SILENT (\\Deleted)');
    expect(await client.ok('UID EXPUNGE 2:3,5')).toEqual(['3 EXPUNGE', '2 EXPUNGE']);
    expect(await client.ok('CLOSE')).toEqual([]);
    expect(await client.ok('STATUS INBOX (MESSAGES)')).toEqual(['STATUS INBOX (MESSAGES 1)']);
    await client.ok('SELECT INBOX');
    await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
    await client.ok('UNSELECT');
    expect(await client.ok('STATUS INBOX (MESSAGES DELETED)')).toEqual(['STATUS INBOX (MESSAGES 1 DELETED 1)']);
  });
});

describe('COPY and MOVE', () => {
  test('RFC 6851 section 3.3: tell the new UIDs', async () => {
    await client.ok('SELECT INBOX');
    expect(code((await client.command('COPY 2:3 Sent')).tagged)).toMatch(/^COPYUID \d+ 2:3 1:2$/);
    expect(code((await client.command('UID COPY 5,99 Sent')).tagged)).toMatch(/^COPYUID \d+ 5 3$/);
    const moved = await client.command('UID MOVE 1,4 Trash');
    expect(moved.untagged).toEqual([expect.stringMatching(/^OK \[COPYUID \d+ 1,4 1:2\]/), '4 EXPUNGE', '1 EXPUNGE']);
    expect(await client.ok('STATUS Sent (MESSAGES)')).toEqual(['STATUS Sent (MESSAGES 3)']);
    expect((await client.command('UID COPY 99 Sent')).tagged).toBe('OK Copied');
    expect(code((await client.command('COPY 1 nowhere')).tagged)).toBe('TRYCREATE');
    expect(code((await client.command('MOVE 1 nowhere')).tagged)).toBe('TRYCREATE');
    expect((await client.ok('COPY 1 INBOX')).filter((line) => line.includes('EXISTS'))).toEqual(['4 EXISTS']);
  });
});

describe('APPEND', () => {
  test('with flags and date; the session that has the mailbox open is told', async () => {
    await client.ok('SELECT INBOX');
    const { tagged, untagged } = await client.append('INBOX', 'Subject: new\r\n\r\nx\r\n', '(\\Seen $Work) " 1-Feb-2020 10:00:00 +0100" ');
    expect(code(tagged)).toMatch(/^APPENDUID \d+ 6$/);
    expect(untagged).toEqual(['6 EXISTS', '6 RECENT']);
    const [fetched] = (await client.ok('FETCH 6 (FLAGS INTERNALDATE RFC822.SIZE)')).filter((line) => line.includes('FETCH'));
    expect(fetched).toBe('6 FETCH (FLAGS (\\Seen $Work \\Recent) INTERNALDATE "01-Feb-2020 09:00:00 +0000" RFC822.SIZE 19)');
  });

  test('RFC 3502: several messages, all or none', async () => {
    const tag = client.send('APPEND Sent (\\Seen) {3+}\r\n1\r\n {3+}\r\n2\r\n "01-Feb-2020 10:00:00 +0000" ~{4+}\r\n3\0\r\n');
    expect(code((await client.answer(tag)).tagged)).toMatch(/^APPENDUID \d+ 1:3$/);
    const wrong = client.send('APPEND Sent {3+}\r\n1\r\n (oops {3+}\r\n2\r\n');
    expect((await client.answer(wrong)).tagged).toMatch(/^BAD/);
    expect(await client.ok('STATUS Sent (MESSAGES SIZE)')).toEqual(['STATUS Sent (MESSAGES 3 SIZE 10)']);
  });

  test.each(['{0+}', '{3+}\r\n1\r\n {0+}', '{3+}\r\n1\r\n {3+}\r\n2\r\n {0+}'])(
    'RFC 3502 section 6.3.11: a message of no octets cancels %j',
    async (messages) => {
      const tag = client.send(`APPEND Sent ${messages}\r\n`);
      expect((await client.answer(tag)).tagged).toBe('NO There is no message');
      expect((await client.append('Sent', '')).tagged).toBe('NO There is no message');
      expect(await client.ok('STATUS Sent (MESSAGES UIDNEXT)')).toEqual(['STATUS Sent (MESSAGES 0 UIDNEXT 1)']);
    },
  );

  test('RFC 6855 section 4: UTF8 and a mailbox name as a literal', async () => {
    await client.ok('ENABLE UTF8=ACCEPT');
    const tag = client.send('APPEND {4+}\r\nSent UTF8 (~{6+}\r\nSub: x)');
    expect(code((await client.answer(tag)).tagged)).toMatch(/^APPENDUID/);
  });

  test('RFC 7889: a refusal before the message spares its way; one that is on its way is read to its end', async () => {
    expect((await client.append('nowhere', 'x')).tagged).toMatch(/^NO \[TRYCREATE\]/);
    expect((await client.append('Sent', '')).tagged).toMatch(/^NO There is no message/);
    expect((await client.append('Sent', Buffer.alloc(2_000_001))).tagged).toMatch(/^NO \[TOOBIG\]/);
    const tag = client.send('APPEND nowhere {3+}\r\n1\r\n {3+}\r\n2\r\n');
    expect((await client.answer(tag)).tagged).toMatch(/^NO \[TRYCREATE\]/);
    await client.ok('NOOP');
    expect(await client.ok('STATUS Sent (MESSAGES)')).toEqual(['STATUS Sent (MESSAGES 0)']);
  });

  test('RFC 7888 section 4: a literal above 4,096 octets that does not wait is not taken', async () => {
    const tag = client.send('APPEND Sent {4096+}\r\n'.concat('x'.repeat(4096)));
    expect(code((await client.answer(tag)).tagged)).toMatch(/^APPENDUID/);
    await client.dialogue.transcript('C: b APPEND Sent {4097+}\nS: * BYE *\nS: b BAD [TOOBIG] *\nS: closed');
  });

  test('a message of megabytes passes as a stream, and comes back as it was', async () => {
    const line = `${'x'.repeat(76)}\r\n`;
    const message = `Subject: large\r\n\r\n${line.repeat(20_000)}`;
    await client.append('Sent', message);
    await client.ok('SELECT Sent');
    const [fetched = ''] = await client.ok('FETCH 1 BODY.PEEK[]');
    expect(fetched.length).toBeGreaterThan(message.length);
    expect(fetched.includes(message)).toBe(true);
  });

  test('a client that leaves in the middle leaves nothing', async () => {
    const tag = client.send('APPEND Sent {100000}');
    expect(await client.response()).toMatch(/^\+/);
    client.dialogue.sendRaw('x'.repeat(50_000));
    client.dialogue.reset();
    expect(tag).toBe('a2');
    await other.ok('NOOP');
    expect(await other.ok('STATUS Sent (MESSAGES)')).toEqual(['STATUS Sent (MESSAGES 0)']);
  });
});

test('a store that is away is a NO, and the session goes on', async () => {
  let away = false;
  const fail = () => Promise.reject(new Error('away'));
  await using broken = await startImapUnderTest({
    around: (store) => ({
      ...store,
      account: async (address) => {
        const account = await store.account(address);
        return account && new Proxy(account, { get: (target, key) => (away && key === 'listing' ? fail : Reflect.get(target, key)) });
      },
    }),
  });
  await using session = await broken.logIn();
  away = true;
  expect((await session.command('LIST "" *')).tagged).toBe('NO [UNAVAILABLE] Something is broken here, try again later');
  away = false;
  await session.ok('LIST "" *');
  expect(broken.lines.filter((line) => line.includes('"command failed"')).length).toBe(1);
});

test('RFC 9208 section 7: a QUOTA response names a resource, so who has no limit has no quota root', async () => {
  expect(await client.ok('GETQUOTAROOT INBOX')).toEqual(['QUOTAROOT INBOX']);
  expect((await client.command('GETQUOTA ""')).tagged).toBe('NO [NONEXISTENT] There is no such quota root');
});
