// CONDSTORE and QRESYNC (RFC 7162): what a client missed, told in one go.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImapClient } from './testing/imap-client.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
let client: ImapClient;
let other: ImapClient;
beforeAll(async () => {
  imap = await startImapUnderTest();
});
afterAll(async () => imap[Symbol.asyncDispose]());
beforeEach(async () => {
  await imap.store.removeAccount(ALICE);
  for (const number of [1, 2, 3, 4, 5]) await imap.deliver(ALICE, [`${number}\r\n`]);
  client = await imap.logIn();
  other = await imap.logIn();
  return async () => {
    await client[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  };
});

const numberIn = (lines: readonly string[], name: string) => Number(new RegExp(`\\[${name} (\\d+)\\]`).exec(lines.join('\n'))?.[1]);
const newest = async () => Number(/HIGHESTMODSEQ (\d+)/.exec((await other.ok('STATUS INBOX (HIGHESTMODSEQ)')).join())?.[1]);

describe('CONDSTORE', () => {
  test.each(['SELECT INBOX (CONDSTORE)', 'ENABLE CONDSTORE', 'STATUS INBOX (HIGHESTMODSEQ)'])('RFC 7162 section 3.1: %s turns it on', async (command) => {
    await client.ok(command);
    await client.ok('SELECT INBOX');
    const [flags] = await client.ok('STORE 1 +FLAGS (\\Flagged)');
    expect(flags).toMatch(/^1 FETCH \(UID 1 FLAGS \(\\Flagged.*\) MODSEQ \(\d+\)\)$/);
  });

  test('RFC 7162 section 3.1.3: UNCHANGEDSINCE leaves alone what has changed', async () => {
    const modseq = numberIn(await client.ok('SELECT INBOX'), 'HIGHESTMODSEQ');
    await other.ok('SELECT INBOX');
    await other.ok('STORE 2 +FLAGS.SILENT (\\Answered)');
    const { tagged, untagged } = await client.command(`STORE 1:3 (UNCHANGEDSINCE ${modseq}) +FLAGS.SILENT (\\Flagged)`);
    expect(tagged).toMatch(/^OK \[MODIFIED 2\]/);
    expect(untagged.filter((line) => /^[13] FETCH \(UID \d MODSEQ \(\d+\)\)$/.test(line)).length).toBe(2);
    expect(untagged).toContainEqual(expect.stringMatching(/^2 FETCH \(UID 2 FLAGS \(\\Answered.*\) MODSEQ/));
    expect((await client.command(`UID STORE 1:5 (UNCHANGEDSINCE ${modseq}) FLAGS ()`)).tagged).toMatch(/^OK \[MODIFIED 1:3\]/);
    expect((await client.command('STORE 1 (UNCHANGEDSINCE 0) FLAGS ()')).tagged).toMatch(/^OK \[MODIFIED 1\]/);
  });

  test('EXPUNGE tells the modseq it went with', async () => {
    await client.ok('ENABLE CONDSTORE');
    await client.ok('SELECT INBOX');
    await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)');
    const { tagged } = await client.command('EXPUNGE');
    expect(numberIn([tagged], 'HIGHESTMODSEQ')).toBe(await newest());
  });
});

describe('QRESYNC', () => {
  test('RFC 7162 section 3.1.2.1: enabled in the middle, it tells where the mailbox stands', async () => {
    await client.ok('SELECT INBOX');
    expect((await client.ok('FETCH 1 MODSEQ'))[0]).toMatch(/^OK \[HIGHESTMODSEQ \d+\]/);
    expect((await client.ok('FETCH 1 MODSEQ'))[0]).toMatch(/^1 FETCH/);
  });

  test('RFC 7162 section 3.2.5: must be enabled first', async () => {
    expect((await client.command('SELECT INBOX (QRESYNC (1 1))')).tagged).toBe('BAD QRESYNC is not enabled');
  });

  test('RFC 7162 section 3.2.10: VANISHED instead of EXPUNGE', async () => {
    await client.ok('ENABLE QRESYNC');
    await client.ok('SELECT INBOX');
    await client.ok('STORE 1:2,5 +FLAGS.SILENT (\\Deleted)');
    expect(await client.ok('EXPUNGE')).toEqual(['VANISHED 1:2,5']);
    expect(await client.ok('UID MOVE 3 Sent')).toEqual([expect.stringContaining('COPYUID'), 'VANISHED 3']);
  });

  test('RFC 7162 section 3.2.5.1: SELECT tells what vanished and what changed', async () => {
    const first = await client.ok('SELECT INBOX');
    const known = `${numberIn(first, 'UIDVALIDITY')} ${numberIn(first, 'HIGHESTMODSEQ')}`;
    await client.ok('UNSELECT'); // RFC 3691: nothing is expunged
    await other.ok('SELECT INBOX');
    await other.ok('STORE 2,4 +FLAGS.SILENT (\\Deleted)');
    await other.ok('EXPUNGE');
    await other.ok('STORE 1 +FLAGS (\\Flagged)');
    await imap.deliver(ALICE, ['6\r\n']);
    await client.ok('ENABLE QRESYNC');
    const news = async (parameters: string) => (await client.ok(`SELECT INBOX (QRESYNC (${parameters}))`)).filter((line) => /VANISHED|FETCH/.test(line));
    const flagged = expect.stringMatching(/^1 FETCH \(UID 1 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$/);
    expect(await news(known)).toEqual(['VANISHED (EARLIER) 2,4', flagged, expect.stringMatching(/^4 FETCH \(UID 6 /)]);
    expect(await news(`${known} 1:3`)).toEqual(['VANISHED (EARLIER) 2', flagged]);
    expect(await news(`${known} 1:5 (1,3 1,3)`)).toEqual(['VANISHED (EARLIER) 2,4', flagged]);
    expect(await news(`1 1`)).toEqual([]);
    expect((await client.command('SELECT INBOX (QRESYNC (1))')).tagged).toMatch(/^BAD/);
    expect((await client.command('SELECT INBOX (QRESYNC (1 1 1:*))')).tagged).toMatch(/^BAD/);
  });

  test('RFC 7162 section 3.2.6: UID FETCH tells what vanished', async () => {
    await client.ok('ENABLE QRESYNC');
    const modseq = numberIn(await client.ok('SELECT INBOX'), 'HIGHESTMODSEQ');
    await client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
    await client.ok('EXPUNGE');
    expect(await client.ok(`UID FETCH 1:* (FLAGS) (CHANGEDSINCE ${modseq} VANISHED)`)).toEqual(['VANISHED (EARLIER) 2']);
  });
});

test('a client that follows the news knows the mailbox as it is', async () => {
  await client.ok('ENABLE CONDSTORE');
  await client.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  const flags = new Map<number, string>();
  let count = 5;
  let numbers = [1, 2, 3, 4, 5];
  const follow = (lines: readonly string[]) => {
    for (const line of lines) {
      const [, number = '', kind] = /^(\d+) (EXISTS|EXPUNGE|FETCH)/.exec(line) ?? [];
      if (kind === 'EXISTS') count = Number(number);
      if (kind === 'EXPUNGE') {
        numbers = numbers.filter((_, index) => index !== Number(number) - 1);
        count--;
      }
      const [, uid = '', text = ''] = /UID (\d+) FLAGS \((.*?)\)/.exec(line) ?? [];
      if (kind === 'FETCH' && uid !== '') flags.set(Number(uid), text);
    }
    while (numbers.length < count) numbers.push((numbers.at(-1) ?? 0) + 1);
  };
  let random = 7;
  for (let round = 0; round < 40; round++) {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    const size = numbers.length;
    const at = 1 + (random % Math.max(1, size));
    if (random % 5 === 0) await imap.deliver(ALICE, ['more\r\n']);
    else if (random % 5 === 1 && size > 1) await other.ok(`UID STORE ${numbers[at - 1]} +FLAGS.SILENT (\\Deleted)`);
    else if (random % 5 === 2) await other.ok('EXPUNGE');
    else if (size > 0) follow(await client.ok(`STORE ${at} +FLAGS (\\Seen k${random % 4})`));
    if (random % 3 === 0) follow(await client.ok('NOOP'));
  }
  follow(await client.ok('NOOP'));
  const now = (await client.ok('UID SEARCH ALL')).join().replace('SEARCH', '').trim();
  const uids = now === '' ? [] : now.split(' ').map(Number);
  expect(uids.length).toBe(numbers.length);
  for (const line of uids.length > 0 ? await client.ok('FETCH 1:* (UID FLAGS)') : []) {
    const [, uid = '', text = ''] = /UID (\d+) FLAGS \((.*?)\)/.exec(line) ?? [];
    if (flags.has(Number(uid))) expect([uid, flags.get(Number(uid))]).toEqual([uid, text]);
  }
});
