// What a session is told of the changes of others, amid its own: never an older state after a newer one.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImapClient } from './testing/imap-client.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
/** On the same files, and neither hears from the other. */
let elsewhere: ImapUnderTest;
let client: ImapClient;
let other: ImapClient;
let far: ImapClient;
beforeAll(async () => {
  imap = await startImapUnderTest();
  elsewhere = await imap.another();
});
afterAll(async () => {
  await elsewhere[Symbol.asyncDispose]();
  await imap[Symbol.asyncDispose]();
});
/** Three sessions with five messages, whose \Recent the second has; the first thinks in modseqs. */
beforeEach(async () => {
  await imap.store.removeAccount(ALICE);
  for (const number of [1, 2, 3, 4, 5]) await imap.deliver(ALICE, [`Subject: ${number}\r\n\r\n${number}\r\n`]);
  client = await imap.logIn();
  other = await imap.logIn();
  far = await elsewhere.logIn();
  await other.ok('SELECT INBOX');
  await far.ok('SELECT INBOX');
  await client.ok('SELECT INBOX (CONDSTORE)');
  return async () => {
    for (const session of [client, other, far]) await session[Symbol.asyncDispose]();
  };
});

interface Told {
  readonly number: number;
  readonly flags: readonly string[];
  readonly modseq: number;
}

/** The FETCH responses that tell flags. */
function told(untagged: readonly string[]): readonly Told[] {
  return untagged.flatMap((line) => {
    const [, number, flags = '', modseq] = /^(\d+) FETCH \(.*FLAGS \((.*?)\).* MODSEQ \((\d+)\)/.exec(line) ?? [];
    return number === undefined ? [] : [{ number: Number(number), flags: flags.split(' ').filter(Boolean), modseq: Number(modseq) }];
  });
}

const flagsOf = (untagged: readonly string[]) => told(untagged).map(({ number, flags }) => [number, ...flags]);

describe('RFC 7162 section 3.1: no older modseq after a newer one', () => {
  test('STORE amid changes of others', async () => {
    await other.ok('STORE 1:2 +FLAGS (\\Flagged)');
    const states = flagsOf(await client.ok('STORE 2 +FLAGS (\\Deleted)'));
    expect(states[0]).toEqual([2, '\\Flagged', '\\Deleted']);
    expect(states).toContainEqual([1, '\\Flagged']);
    for (const state of states.filter(([number]) => number === 2)) expect(state).toEqual([2, '\\Flagged', '\\Deleted']);
  });

  test('STORE.SILENT says nothing of its own, but what others have changed', async () => {
    expect(flagsOf(await client.ok('STORE 2 +FLAGS.SILENT (\\Seen)'))).toEqual([]);
    await other.ok('STORE 2 +FLAGS (\\Flagged)');
    const last = told(await client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')).at(-1);
    expect(last?.flags).toEqual(['\\Flagged', '\\Deleted', '\\Seen']);
    expect(flagsOf(await client.ok('NOOP'))).toEqual([]);
  });

  test('behind an expunge that could not be told', async () => {
    await other.ok('STORE 5 +FLAGS (\\Deleted)');
    await other.ok('EXPUNGE');
    await other.ok('STORE 2 +FLAGS (\\Flagged)');
    await client.ok('STORE 2 +FLAGS (\\Deleted)');
    const news = await client.ok('NOOP');
    expect(news).toContain('5 EXPUNGE');
    for (const [, ...flags] of flagsOf(news)) expect(flags).toEqual(['\\Flagged', '\\Deleted']);
  });

  test('FETCH of flags together with content', async () => {
    await other.ok('STORE 1 +FLAGS (\\Flagged)');
    await other.ok('STORE 1 +FLAGS (\\Deleted)');
    const states = flagsOf(await client.ok('FETCH 1 (FLAGS MODSEQ BODY[])'));
    for (const state of states) expect(state).toEqual([1, '\\Flagged', '\\Deleted', '\\Seen']);
    expect(states.length).toBeGreaterThan(0);
  });
});

describe('changes in another process, not yet heard of', () => {
  test('STORE of what is stored already', async () => {
    await far.ok('STORE 1:2 +FLAGS (\\Flagged)');
    expect(flagsOf(await client.ok('STORE 1 +FLAGS (\\Flagged)'))).toContainEqual([1, '\\Flagged']);
    expect(told(await client.ok('FETCH 2 (FLAGS MODSEQ)'))[0]?.flags).toEqual(['\\Flagged']);
  });

  test('STORE.SILENT takes nothing of them away', async () => {
    await far.ok('STORE 2 +FLAGS (\\Flagged)');
    expect(flagsOf(await client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)'))).toContainEqual([2, '\\Flagged', '\\Deleted']);
  });

  test('FETCH that reads the store is not ahead of the news', async () => {
    await far.ok('STORE 1 +FLAGS (\\Flagged)');
    await far.ok('STORE 1 +FLAGS (\\Deleted)');
    const answers = [await client.ok('FETCH 1 (FLAGS MODSEQ RFC822.SIZE)'), await client.ok('FETCH 1 (FLAGS MODSEQ)'), await client.ok('NOOP')];
    for (const state of flagsOf(answers.flat())) expect(state).toEqual([1, '\\Flagged', '\\Deleted']);
  });
});

describe('RFC 5530 section 3: EXPUNGEISSUED', () => {
  const ISSUED = /^OK \[EXPUNGEISSUED\]/;

  test('FETCH, STORE and SEARCH do what they can, and say that there are expunges to be told', async () => {
    await other.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
    await other.ok('EXPUNGE');
    for (const command of ['FETCH 1:3 (FLAGS)', 'FETCH 1:3 (RFC822.SIZE)', 'FETCH 2 (BODY.PEEK[])', 'STORE 2:3 +FLAGS (\\Seen)', 'SEARCH ALL']) {
      const { tagged, untagged } = await client.command(command);
      expect(tagged).toMatch(ISSUED);
      expect(untagged.some((line) => /^2 FETCH|EXPUNGE/.test(line))).toBe(false);
    }
    expect(await client.ok('NOOP')).toContain('2 EXPUNGE');
    expect((await client.command('FETCH 1:3 (FLAGS)')).tagged).toBe('OK Fetched');
  });

  test('of another process, not yet heard of', async () => {
    await far.ok('STORE 2:3 +FLAGS.SILENT (\\Deleted)');
    await far.ok('EXPUNGE');
    const { tagged, untagged } = await client.command('FETCH 1:4 (UID RFC822.SIZE)');
    expect(tagged).toMatch(ISSUED);
    expect(untagged.filter((line) => line.includes('SIZE')).map((line) => line.slice(0, 7))).toEqual(['1 FETCH', '4 FETCH']);
    expect((await client.command('STORE 3 +FLAGS (\\Seen)')).tagged).toMatch(ISSUED);
  });

  test('COPY of what is gone is a NO; in part it tells what it copied', async () => {
    await other.ok('STORE 2 +FLAGS.SILENT (\\Deleted)');
    await other.ok('EXPUNGE');
    expect((await client.command('COPY 2 Sent')).tagged).toMatch(/^NO \[EXPUNGEISSUED\]/);
    await far.ok('STORE 4 +FLAGS.SILENT (\\Deleted)');
    await far.ok('EXPUNGE');
    expect((await client.command('COPY 3:4 Sent')).tagged).toMatch(/^OK \[COPYUID \d+ 5 1\]/);
    expect((await client.command('UID COPY 2 Sent')).tagged).toBe('OK Copied');
  });
});
