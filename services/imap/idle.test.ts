// IDLE (RFC 9051 section 6.3.13): what happens elsewhere is told at once, and once.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ALICE, type ImapUnderTest, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
beforeAll(async () => {
  imap = await startImapUnderTest({ limits: { connections_per_client: 500 } });
});
afterAll(async () => imap[Symbol.asyncDispose]());
beforeEach(() => imap.store.removeAccount(ALICE));

async function idler(...before: readonly string[]) {
  const client = await imap.logIn();
  for (const command of before) await client.ok(command);
  const tag = client.send('IDLE');
  expect(await client.response()).toBe('+ idling');
  return { client, dialogue: client.dialogue, tag };
}

test('RFC 2177: deliveries, flags and expunges are told while it lasts', async () => {
  await imap.deliver(ALICE, ['1\r\n', '2\r\n']);
  const { client, dialogue, tag } = await idler('SELECT INBOX');
  await imap.deliver(ALICE, ['3\r\n']);
  await dialogue.transcript('S: * 3 EXISTS\nS: * 3 RECENT');
  await using other = await imap.logIn();
  await other.ok('SELECT INBOX');
  await other.ok('STORE 2 FLAGS (\\Deleted)');
  await dialogue.expect('* 2 FETCH (FLAGS (\\Deleted \\Recent))');
  await other.ok('EXPUNGE');
  await dialogue.transcript(`S: * 2 EXPUNGE\nC: done\nS: ${tag} OK Idled`);
  expect(await client.ok('NOOP')).toEqual([]);
  await client[Symbol.asyncDispose]();
});

test('what happened just before is told, and anything but DONE is BAD', async () => {
  await using client = await imap.logIn();
  await client.ok('SELECT INBOX');
  await imap.deliver(ALICE, ['1\r\n']);
  const tag = client.send('IDLE');
  await client.dialogue.transcript(`S: + idling\nS: * 1 EXISTS\nS: * 1 RECENT\nC: NOOP\nS: ${tag} BAD Expected DONE`);
  await client.ok('NOOP');
});

test('without a mailbox it waits, and tells nothing', async () => {
  const { client, dialogue, tag } = await idler();
  await imap.deliver(ALICE, ['1\r\n']);
  await dialogue.transcript(`C: DONE\nS: ${tag} OK Idled`);
  await client[Symbol.asyncDispose]();
});

test('a client that does not read is told later, and others are not held up', async () => {
  const stuck = await idler('SELECT INBOX');
  const quick = await idler('SELECT INBOX');
  stuck.dialogue.stall(true);
  for (let number = 1; number <= 30; number++) {
    await imap.deliver(ALICE, ['x\r\n']);
    await quick.dialogue.expect(`* ${number} EXISTS`);
    if (number === 1) continue;
  }
  stuck.dialogue.stall(false);
  for (;;) if ((await stuck.dialogue.line()) === '* 30 EXISTS') break;
  await Promise.all([stuck.client[Symbol.asyncDispose](), quick.client[Symbol.asyncDispose]()]);
});

test('a hundred sessions of one mailbox ask the store once', async () => {
  let asked = 0;
  await using shared = await startImapUnderTest({
    limits: { connections_per_client: 500 },
    around: asking(() => asked++),
  });
  const clients = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = await shared.logIn();
      await client.ok('EXAMINE INBOX');
      client.send('IDLE');
      await client.response();
      return client;
    }),
  );
  const idle = await shared.metrics.imapIdle.get();
  expect(idle.values[0]?.value).toBe(100);
  asked = 0;
  await shared.deliver(ALICE, ['x\r\n']);
  await Promise.all(clients.map((client) => client.dialogue.expect('* 1 EXISTS')));
  expect(asked).toBe(1);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

test('an IDLE session is told what happened while the database was away', async () => {
  let away = false;
  const failing = () => {
    if (away) throw new Error('the database is away');
  };
  await using broken = await startImapUnderTest({ around: asking(failing) });
  await using client = await broken.logIn();
  await client.ok('SELECT INBOX');
  client.send('IDLE');
  await client.response();
  away = true;
  await broken.deliver(ALICE, ['x\r\n']);
  await eventually(() => broken.lines.some((line) => line.includes('changes of a mailbox could not be read')));
  away = false;
  await client.dialogue.expect('* 1 EXISTS');
});

/** A store that calls `before` whenever it is asked what has changed. */
function asking(before: () => void): (store: Mailstore) => Mailstore {
  return (store) => ({
    ...store,
    account: async (address) => {
      const account = await store.account(address);
      const open = (id: number) => {
        const mailbox = account?.open(id);
        if (!mailbox) throw new Error('no account');
        const changesSince: typeof mailbox.changesSince = async (...args) => {
          before();
          return mailbox.changesSince(...args);
        };
        return new Proxy(mailbox, { get: (target, key) => (key === 'changesSince' ? changesSince : Reflect.get(target, key)) });
      };
      return account && new Proxy(account, { get: (target, key) => (key === 'open' ? open : Reflect.get(target, key)) });
    },
  });
}
