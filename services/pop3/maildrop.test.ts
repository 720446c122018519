// What a session may count on: nobody else has the maildrop, nothing goes but by QUIT, and no message looks whole that is not.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MailboxStore, Octets } from '#shared/mailstore/mailbox-store.ts';
import { MailboxGoneError } from '#shared/mailstore/refusal.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { withMailboxes } from './testing/broken-mailbox.ts';
import { ALICE, OWN_HEADER, PASSWORD, type Pop3UnderTest, startPop3UnderTest } from './testing/pop3-under-test.ts';

const ONE = 'Subject: one\r\n\r\nbody\r\n';
const BOB = 'bob@example.org';

async function countOf(pop3: Pop3UnderTest, user = ALICE): Promise<number> {
  return (await pop3.store.list(user, 'INBOX')).length;
}

describe('one session at a time', () => {
  let pop3: Pop3UnderTest;
  let other: Pop3UnderTest;
  beforeAll(async () => {
    pop3 = await startPop3UnderTest();
    other = await pop3.another();
  });
  afterAll(async () => {
    await other[Symbol.asyncDispose]();
    await pop3[Symbol.asyncDispose]();
  });

  test('has a maildrop, whichever process it is in; its end by QUIT or a lost connection frees it', async () => {
    const first = await pop3.logIn();
    await using second = await other.dial();
    const login = `AUTH PLAIN ${Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64')}`;
    await second.command(login, '-ERR [IN-USE] Mailbox is open in another session');
    await first.transcript('C: QUIT\nS: +OK Bye\nS: closed');
    await second.command(login, '+OK 0 messages (0 octets)');
    await using third = await pop3.dial();
    await third.command(login, '-ERR [IN-USE] *');
    second.reset();
    await eventually(async () => (await third.command(login)).startsWith('+OK'));
    await using bob = await other.logIn(BOB);
    await bob.command('STAT', '+OK 0 0');
  });

  test('does not hold up delivery, and does not see it', async () => {
    await pop3.deliver(BOB, ONE);
    const client = await pop3.logIn(BOB);
    await pop3.deliver(BOB, ONE);
    await client.transcript(`C: STAT\nS: +OK 1 ${ONE.length + OWN_HEADER.length}\nC: DELE 1\nS: +OK *\nC: QUIT\nS: +OK Bye\nS: closed`);
    await using again = await other.logIn(BOB);
    await again.transcript(`C: STAT\nS: +OK 1 ${ONE.length + OWN_HEADER.length}`);
  });
});

describe('what DELE marked', () => {
  test('stays without QUIT: lost connections, time-outs, the end of the process', async () => {
    await using pop3 = await startPop3UnderTest({ idleTimeout: 200 });
    await pop3.deliver(ALICE, ONE);
    const lost = await pop3.logIn();
    await lost.transcript('C: DELE 1\nS: +OK *');
    lost.reset();
    const login = async () => {
      const client = await pop3.dial();
      await client.transcript(`C: USER ${ALICE}\nS: +OK *`);
      const reply = await client.command(`PASS ${PASSWORD}`);
      if (reply.startsWith('+OK')) return client;
      await client[Symbol.asyncDispose]();
      return null;
    };
    await using late = await eventually(login);
    await late.transcript('C: DELE 1\nS: +OK *\nS: closed');
    await using killed = await eventually(login);
    await killed.transcript('C: DELE 1\nS: +OK *');
    await pop3.service.drain(AbortSignal.abort());
    await killed.closed();
    expect(await countOf(pop3)).toBe(1);
  });

  test('stays when the store cannot remove it, and the answer to QUIT says so', async () => {
    let away = true;
    await using pop3 = await startPop3UnderTest({
      around: (store) =>
        withMailboxes(store, (mailbox) => ({ expunge: (uids, only) => (away ? Promise.reject(new Error('database away')) : mailbox.expunge(uids, only)) })),
    });
    await pop3.deliver(ALICE, ONE);
    await using client = await pop3.logIn();
    await client.transcript('C: DELE 1\nS: +OK *\nC: QUIT\nS: -ERR [SYS/TEMP] Deleted messages not removed, try again later\nS: closed');
    expect(await countOf(pop3)).toBe(1);
    away = false;
    await using again = await pop3.logIn();
    await again.transcript('C: DELE 1\nS: +OK *\nC: QUIT\nS: +OK Bye\nS: closed');
    expect(await countOf(pop3)).toBe(0);
    expect(await pop3.metrics.registry.getSingleMetricAsString('stafette_pop3_messages_total')).toContain('{action="deleted"} 1');
  });

  test('stays when the lock was lost, and the session ends', async () => {
    const lost = new AbortController();
    await using pop3 = await startPop3UnderTest({
      around: (store) =>
        withMailboxes(store, (mailbox) => ({
          async lock(holder) {
            const result = await mailbox.lock(holder);
            return result.kind === 'locked' ? { kind: 'locked', lock: { lost: lost.signal, release: () => result.lock.release() } } : result;
          },
        })),
    });
    await pop3.deliver(ALICE, ONE);
    await using client = await pop3.logIn();
    await client.transcript('C: DELE 1\nS: +OK *');
    lost.abort();
    await client.closed();
    expect(await countOf(pop3)).toBe(1);
    expect(pop3.lines.join()).toContain('the lock of a maildrop was lost');
  });
});

describe('a message', () => {
  test('that another session removed, or whose content is lost, is an answer', async () => {
    await using pop3 = await startPop3UnderTest({
      around: (store) =>
        withMailboxes(store, (mailbox) => ({
          async *messages(uids, wants) {
            for await (const batch of mailbox.messages(uids, wants)) {
              const open = () => Promise.reject(new ContentMissingError('content lost'));
              yield batch.map((info) => (info.uid === 2 ? { ...info, content: { ...info.content, open } } : info));
            }
          },
        })),
    });
    await pop3.deliver(ALICE, ONE, ONE, ONE);
    await using client = await pop3.logIn();
    await (await inboxOf(pop3)).expunge([[1, 1]], 'all');
    await client.transcript(`
      C: RETR 1
      S: -ERR Message was removed by another session
      C: TOP 1 0
      S: -ERR Message was removed by another session
      C: RETR 2
      S: -ERR [SYS/PERM] Message cannot be read, the postmaster must look at it
      C: LIST 3
      S: +OK 3 *
      C: DELE 1
      S: +OK Message 1 deleted
      C: QUIT
      S: +OK Bye
      S: closed`);
    expect(await countOf(pop3)).toBe(2);
  });

  test('whose content breaks off has no final dot: the connection ends instead', async () => {
    await using pop3 = await startPop3UnderTest({
      around: (store) =>
        withMailboxes(store, (mailbox) => ({
          async *messages(uids, wants) {
            for await (const batch of mailbox.messages(uids, wants))
              yield batch.map((info) => ({
                ...info,
                content: { ...info.content, open: async () => breakingOff(await info.content.open()) },
              }));
          },
        })),
    });
    await pop3.deliver(ALICE, ONE);
    await using client = await pop3.logIn();
    client.send('RETR 1');
    await expect(readLines(client)).rejects.toThrow('the connection has ended');
    expect(client.said).not.toContain('S: .');
    expect(pop3.lines.join()).toContain('the disk is gone');
  });

  test('of a mailbox that was deleted ends the session', async () => {
    let gone = false;
    await using pop3 = await startPop3UnderTest({
      around: (store) =>
        withMailboxes(store, (mailbox) => ({
          async *messages(uids, wants) {
            if (gone) throw new MailboxGoneError('gone');
            yield* mailbox.messages(uids, wants);
          },
        })),
    });
    await pop3.deliver(ALICE, ONE);
    await using client = await pop3.logIn();
    gone = true;
    await client.transcript('C: RETR 1\nS: -ERR [SYS/PERM] Mailbox was removed\nS: closed');
  });

  test('of 20 MB goes as it came, and waits for a client that does not read', async () => {
    await using pop3 = await startPop3UnderTest();
    const large = `Subject: large\r\n\r\n${`.${'x'.repeat(997)}\r\n`.repeat(20_000)}`;
    await pop3.deliver(ALICE, large);
    await using client = await pop3.logIn();
    client.stall(true);
    const before = process.memoryUsage.rss();
    client.send('RETR 1');
    await once(setTimeoutTarget(500), 'done');
    expect(process.memoryUsage.rss() - before).toBeLessThan(18_000_000);
    client.stall(false);
    await client.expect(`+OK ${large.length + OWN_HEADER.length} octets`);
    const lines = await readLines(client);
    expect(lines.map((line) => `${line.replace(/^\./, '')}\r\n`).join('') === OWN_HEADER + large).toBe(true);
  });

  test('stored with bare line feeds is sent in lines', async () => {
    await using pop3 = await startPop3UnderTest();
    await pop3.deliver(ALICE, 'Subject: x\n\n.\nend');
    await using client = await pop3.logIn();
    await client.transcript('C: RETR 1\nS: +OK *\nS: Return-Path: <>\nS: Subject: x\nS:\nS: ..\nS: end\nS: .');
  });
});

test('whatever the order of reading, each answer is the message asked for, or says that IMAP removed it', async () => {
  await using pop3 = await startPop3UnderTest();
  const COUNT = 12;
  const subject = (number: number) => `Subject: ${number}-${'x'.repeat(number * 20)}`;
  const step = fc.record({ kind: fc.constantFrom('next', 'next', 'next', 'RETR', 'TOP', 'remove'), number: fc.integer({ min: 1, max: COUNT }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
      const inbox = await emptyInbox(pop3);
      await pop3.deliver(ALICE, ...Array.from({ length: COUNT }, (_, index) => `${subject(index + 1)}\r\n\r\nbody\r\n`));
      const uids = (await pop3.store.list(ALICE, 'INBOX')).map(({ uid }) => uid);
      const client = await pop3.logIn();
      const removed = new Set<number>();
      let last = 0;
      for (const { kind, number } of steps) {
        const uid = uids[number - 1] ?? 0;
        if (kind === 'remove') {
          await inbox.expunge([[uid, uid]], 'all');
          removed.add(number);
          continue;
        }
        const asked = kind === 'next' ? (last % COUNT) + 1 : number;
        last = asked;
        const reply = await client.command(kind === 'TOP' ? `TOP ${asked} 9` : `RETR ${asked}`);
        if (reply.startsWith('+OK')) expect(await readLines(client)).toEqual(['Return-Path: <>', subject(asked), '', 'body']);
        else expect([reply, removed.has(asked)]).toEqual(['-ERR Message was removed by another session', true]);
      }
      await client.transcript('C: QUIT\nS: +OK Bye\nS: closed');
    }),
    { numRuns: 10 },
  );
  expect(pop3.lines.filter((line) => JSON.parse(line).level === 'error')).toEqual([]);
});

test('a maildrop of 500 messages is listed, downloaded and emptied', async () => {
  await using pop3 = await startPop3UnderTest();
  await Promise.all(Array.from({ length: 500 }, (_, index) => pop3.deliver(ALICE, `Subject: ${index}\r\n\r\n${'x'.repeat(index)}\r\n`)));
  await using client = await pop3.logIn();
  await client.command('LIST', '+OK 500 messages *');
  const sizes = (await readLines(client)).map((line) => Number(line.split(' ')[1]));
  client.send(...sizes.map((_, index) => `RETR ${index + 1}`));
  for (const size of sizes) {
    await client.expect(`+OK ${size} octets`);
    const lines = await readLines(client);
    expect(lines.reduce((sum, line) => sum + line.length + 2, 0)).toBe(size);
  }
  client.send(...sizes.map((_, index) => `DELE ${index + 1}`), 'QUIT');
  for (const _ of sizes) await client.expect('+OK *');
  await client.transcript('S: +OK Bye\nS: closed');
  expect(await countOf(pop3)).toBe(0);
}, 30_000);

test('Python reads its mail', async () => {
  await using pop3 = await startPop3UnderTest();
  await pop3.deliver(ALICE, 'Subject: eins\r\n\r\n.\r\n..\r\n', ONE);
  const script = `
import poplib, ssl, sys
context = ssl._create_unverified_context()
box = poplib.POP3('127.0.0.1', ${pop3.port('strict')}, timeout=5)
assert 'STLS' in box.capa()
box.stls(context)
assert box.capa()['SASL'] == ['PLAIN', 'LOGIN'], box.capa()
box.utf8()
box.user('${ALICE}')
box.pass_('${PASSWORD}')
assert box.stat() == (2, ${'Subject: eins\r\n\r\n.\r\n..\r\n'.length + ONE.length + 2 * OWN_HEADER.length}), box.stat()
reply, lines, octets = box.retr(1)
assert lines == [b'Return-Path: <>', b'Subject: eins', b'', b'.', b'..'], lines
assert len(box.uidl()[1]) == 2
assert box.top(2, 0)[1][1] == b'Subject: one'
box.dele(1)
box.quit()
box = poplib.POP3_SSL('127.0.0.1', ${pop3.port('implicit')}, timeout=5, context=context)
box.user('${ALICE}')
box.pass_('${PASSWORD}')
assert box.stat()[0] == 1
box.quit()
print('read')
`;
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile('python3', ['-c', script], (_error, out, err) => resolve({ stdout: out, stderr: err }));
  });
  expect([stdout, stderr]).toEqual(['read\n', '']);
});

async function inboxOf({ store }: Pop3UnderTest): Promise<MailboxStore> {
  await store.ensureAccount(ALICE);
  const account = await store.account(ALICE);
  const inbox = await account?.find('INBOX');
  if (!account || !inbox) throw new Error('no INBOX');
  return account.open(inbox.id);
}

async function emptyInbox(pop3: Pop3UnderTest): Promise<MailboxStore> {
  const inbox = await inboxOf(pop3);
  await inbox.expunge([[1, 4_294_967_295]], 'all');
  return inbox;
}

async function readLines(client: Awaited<ReturnType<Pop3UnderTest['logIn']>>): Promise<string[]> {
  const lines = [];
  for (let line = await client.line(); line !== '.'; line = await client.line()) lines.push(line);
  return lines;
}

function setTimeoutTarget(milliseconds: number): EventTarget {
  const target = new EventTarget();
  setTimeout(() => target.dispatchEvent(new Event('done')), milliseconds);
  return target;
}

async function* breakingOff(octets: Octets): AsyncGenerator<Buffer> {
  yield* octets;
  throw new Error('the disk is gone');
}
