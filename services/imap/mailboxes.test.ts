// Commands about mailboxes: their names, tree, subscriptions, status, quota.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImapClient } from './testing/imap-client.ts';
import { ALICE, BOB, type ImapUnderTest, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
let client: ImapClient;
beforeAll(async () => {
  imap = await startImapUnderTest({ quota: 10_000 });
});
afterAll(async () => imap[Symbol.asyncDispose]());
beforeEach(async () => {
  await imap.store.removeAccount(ALICE);
  client = await imap.logIn();
  return () => client[Symbol.asyncDispose]();
});

const FIRST = ['INBOX', 'Drafts', 'Junk', 'Sent', 'Trash'];
const names = (lines: readonly string[]) => lines.map((line) => /"\/" (.*?)(?: \(|$)/.exec(line)?.[1]);
const line = (lines: readonly string[], name: string) => lines.find((one) => one.includes(` ${name}`));

describe('LIST', () => {
  test('RFC 3348: tells of children, special use, and names that only hold others', async () => {
    await client.ok('CREATE a/b/c');
    await client.ok('DELETE a');
    const all = await client.ok('LIST "" *');
    expect(names(all)).toEqual([...FIRST, 'a', 'a/b', 'a/b/c']);
    expect(line(all, 'Sent')).toBe('LIST (\\HasNoChildren \\Sent) "/" Sent');
    expect(line(all, 'a')).toBe('LIST (\\NonExistent \\Noselect \\HasChildren) "/" a');
    expect(line(all, 'a/b/c')).toBe('LIST (\\HasNoChildren) "/" a/b/c');
    expect(names(await client.ok('LIST a/ %'))).toEqual(['a/b']);
    expect(names(await client.ok('LIST "" (Sent a/%)'))).toEqual(['Sent', 'a/b']);
    expect(await client.ok('LIST "" ""')).toEqual(['LIST (\\Noselect) "/" ""']);
    expect(names(await client.ok('LIST "" inbox'))).toEqual(['INBOX']);
  });

  test('RFC 5258: subscriptions, and what is below', async () => {
    await client.ok('CREATE a/b');
    for (const name of ['Drafts', 'Junk', 'Sent', 'Trash']) await client.ok(`UNSUBSCRIBE ${name}`);
    await client.ok('SUBSCRIBE a/b');
    await client.ok('SUBSCRIBE gone');
    expect(await client.ok('LIST (SUBSCRIBED) "" *')).toEqual([
      'LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
      'LIST (\\HasNoChildren \\Subscribed) "/" a/b',
      'LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" gone',
    ]);
    expect(await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" %')).toContain('LIST (\\HasChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))');
    expect(names(await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" a*'))).toEqual(['a/b']);
    expect(line(await client.ok('LIST "" * RETURN (SUBSCRIBED CHILDREN)'), 'a/b')).toBe('LIST (\\HasNoChildren \\Subscribed) "/" a/b');
    expect(names(await client.ok('LSUB "" *'))).toEqual(['INBOX', 'a/b', 'gone']);
    expect(await client.ok('LSUB "" %')).toContain('LSUB (\\Noselect) "/" a');
    expect((await client.command('LIST (RECURSIVEMATCH) "" *')).tagged).toMatch(/^BAD/);
  });

  test('RFC 6154 section 5.2: special use, asked for and made', async () => {
    expect(names(await client.ok('LIST (SPECIAL-USE) "" *'))).toEqual(FIRST.slice(1));
    await client.ok('CREATE Old (USE (\\Archive))');
    expect(line(await client.ok('LIST "" Old RETURN (SPECIAL-USE)'), 'Old')).toBe('LIST (\\HasNoChildren \\Archive) "/" Old');
    for (const use of ['\\Archive', '\\Nonsense', '\\All', '\\Flagged'])
      expect((await client.command(`CREATE More (USE (${use}))`)).tagged).toMatch(/^NO \[USEATTR\]/);
  });

  test('RFC 5819: with the status of each', async () => {
    await imap.deliver(ALICE, ['x\r\n']);
    expect((await client.ok('LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES UNSEEN))')).filter((one) => one.startsWith('STATUS'))).toEqual([
      'STATUS INBOX (MESSAGES 1 UNSEEN 1)',
      'STATUS Sent (MESSAGES 0 UNSEEN 0)',
    ]);
  });
});

describe('names', () => {
  test('are modified UTF-7 until the client enables UTF-8', async () => {
    await client.ok('CREATE "Entw&APw-rfe & M&-ll"'.replace(' & ', ' &- '));
    expect(names(await client.ok('LIST "" Entw*'))).toEqual(['"Entw&APw-rfe &- M&-ll"']);
    expect((await client.command('CREATE "&bad"')).tagged).toMatch(/^NO \[CANNOT\]/);
    expect((await client.command('SELECT "&bad"')).tagged).toMatch(/^NO \[NONEXISTENT\]/);
    expect(await client.ok('LIST "" "&bad*"')).toEqual([]);
    await client.ok('ENABLE IMAP4rev2');
    expect(names(await client.ok('LIST "" Entw*'))).toEqual(['"Entwürfe & M&ll"']);
    await client.ok('CREATE "&bad"');
    await client.ok('CREATE {9}'.replace('{9}', '{6+}\r\n日本'));
    expect(names(await client.ok('LIST "" *'))).toContain('"日本"');
  });

  test('RFC 9051 section 6.3.9.7: a client of IMAP4rev2 is told when its form of a name is not the one that is kept', async () => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];
    const told = (name: string, attributes = '', old = decomposed) => `LIST (${attributes}) "/" "${name}" ("OLDNAME" ("${old}"))`;
    await client.ok('ENABLE IMAP4rev2');
    expect(await client.ok(`CREATE "${decomposed}"`)).toEqual([told(composed)]);
    expect(await client.ok(`SELECT "${decomposed}"`)).toContain(told(composed));
    expect(await client.ok(`SELECT "${composed}"`)).toContain(`LIST () "/" "${composed}"`);
    expect(await client.ok(`RENAME "${composed}" "${decomposed}2"`)).toEqual([told(`${composed}2`, '', `${decomposed}2`)]);
    expect(await client.ok(`DELETE "${decomposed}2"`)).toContain(told(`${composed}2`, '\\NonExistent', `${decomposed}2`));
    expect(await client.ok('CREATE plain')).toEqual([]);
  });

  test.each([
    ['CREATE INBOX', 'NO [ALREADYEXISTS]'],
    ['CREATE Sent', 'NO [ALREADYEXISTS]'],
    ['CREATE a//b', 'NO [CANNOT]'],
    ['CREATE "a*"', 'NO [CANNOT]'],
    ['CREATE ""', 'NO [CANNOT]'],
    ['DELETE INBOX', 'NO [CANNOT]'],
    ['DELETE nowhere', 'NO [NONEXISTENT]'],
    ['RENAME nowhere x', 'NO [NONEXISTENT]'],
    ['RENAME Sent Junk', 'NO [ALREADYEXISTS]'],
    ['SELECT nowhere', 'NO [NONEXISTENT]'],
    ['STATUS nowhere (MESSAGES)', 'NO [NONEXISTENT]'],
    ['STATUS INBOX (NONSENSE)', 'BAD'],
    ['STATUS INBOX ()', 'BAD'],
    ['GETQUOTA nowhere', 'NO [NONEXISTENT]'],
  ])('%s is refused: %s', async (command, expected) => {
    expect((await client.command(command)).tagged.startsWith(expected)).toBe(true);
  });

  test('RENAME takes the children along, and leaves INBOX in place', async () => {
    await imap.deliver(ALICE, ['x\r\n']);
    await client.ok('CREATE a/b');
    await client.ok('RENAME a z');
    await client.ok('RENAME inbox old/mail');
    expect(names(await client.ok('LIST "" *'))).toEqual([...FIRST, 'old', 'old/mail', 'z', 'z/b']);
    expect(await client.ok('STATUS old/mail (MESSAGES)')).toEqual(['STATUS old/mail (MESSAGES 1)']);
    expect(await client.ok('STATUS INBOX (MESSAGES)')).toEqual(['STATUS INBOX (MESSAGES 0)']);
  });
});

test('STATUS has every item (SIZE: RFC 8438)', async () => {
  await imap.deliver(ALICE, ['12345678\r\n', '12345678\r\n']);
  const [status] = await client.ok('STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT)');
  expect(status).toMatch(
    /^STATUS INBOX \(MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY [1-9]\d* UNSEEN 2 DELETED 0 SIZE 54 HIGHESTMODSEQ [1-9]\d* MAILBOXID \(F\d+\) APPENDLIMIT \d+\)$/,
  );
});

test('RFC 9208: the quota is told, and kept, and what an expunge would give back', async () => {
  await imap.deliver(ALICE, ['x'.repeat(5_000)]);
  expect(await client.ok('GETQUOTAROOT inbox')).toEqual(['QUOTAROOT INBOX ""', 'QUOTA "" (STORAGE 5 9)']);
  expect(await client.ok('GETQUOTA ""')).toEqual(['QUOTA "" (STORAGE 5 9)']);
  expect((await client.append('INBOX', 'y'.repeat(6_000))).tagged).toMatch(/^NO \[OVERQUOTA\]/);
  await client.ok('SELECT INBOX');
  expect((await client.command('COPY 1 Sent')).tagged).toMatch(/^NO \[OVERQUOTA\]/);
  await client.ok('STORE 1 FLAGS.SILENT (\\Deleted)');
  expect(await client.ok('STATUS INBOX (DELETED DELETED-STORAGE)')).toEqual(['STATUS INBOX (DELETED 1 DELETED-STORAGE 5017)']);
});

test('a mailbox that is deleted ends the sessions that have it selected, and leaves its own', async () => {
  await client.ok('CREATE a');
  await client.ok('SELECT a');
  await using other = await imap.logIn();
  await other.ok('SELECT a');
  await using idling = await imap.logIn();
  await idling.ok('SELECT a');
  idling.send('IDLE');
  await idling.response();
  expect(await client.ok('DELETE a')).toEqual(['OK [CLOSED] Previous mailbox is closed']);
  expect((await client.command('FETCH 1 FLAGS')).tagged).toMatch(/^BAD/);
  await idling.dialogue.transcript('S: * BYE The mailbox was deleted\nS: closed');
  const { tagged, untagged } = await other.command('NOOP');
  expect([tagged, untagged]).toEqual(['NO [NONEXISTENT] The mailbox was deleted', ['BYE The mailbox was deleted']]);
  await other.dialogue.closed();
});

test('ID (RFC 2971), NAMESPACE (RFC 2342), ENABLE (RFC 5161) and unknown things', async () => {
  await using bob = await imap.logIn(BOB);
  expect(await bob.ok('ID ("name" "x" "version" NIL)')).toEqual(['ID ("name" "Stafette")']);
  expect(await bob.ok('NAMESPACE')).toEqual(['NAMESPACE (("" "/")) NIL NIL']);
  expect(await bob.ok('ENABLE CONDSTORE X-NONSENSE utf8=accept')).toEqual(['ENABLED CONDSTORE UTF8=ACCEPT']);
  expect(await bob.ok('ENABLE CONDSTORE')).toEqual(['ENABLED']);
  expect((await bob.command('ID (1 2)')).tagged).toMatch(/^BAD/);
});
