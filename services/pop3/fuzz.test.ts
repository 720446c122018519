// Noise on the live server: whatever comes, each line of the answer is one, no session fails inside, no mail is lost, the next client is served.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holdsWhenFlooded, leavesNoMore } from '#shared/session/testing/flood.ts';
import { talk } from '#shared/testing/talk.ts';
import { PASSWORD, PLAIN, startPop3UnderTest } from './testing/pop3-under-test.ts';

const word = fc.constantFrom(
  'USER bob@example.org',
  `PASS ${PASSWORD}`,
  `AUTH PLAIN ${PLAIN}`,
  'AUTH PLAIN',
  'AUTH LOGIN YQ==',
  'CAPA',
  'STAT',
  'LIST',
  'LIST 1',
  'UIDL',
  'UIDL 99999999999999999999',
  'RETR 1',
  'RETR 2',
  'TOP 1 0',
  'TOP 2 4294967295',
  'DELE 1',
  'RSET',
  'NOOP',
  'STLS',
  'UTF8',
  'LANG',
  'LANG \t',
  '*',
  '=',
  '',
  ' ',
  '.',
  'XTND XMIT',
  'QUIT',
);
const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\0', ' ');
const line = fc.tuple(word, end).map(([text, ending]) => Buffer.from(text + ending));
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const chunks = fc.array(fc.oneof({ weight: 14, arbitrary: line }, { weight: 1, arbitrary: noise }), { minLength: 1, maxLength: 25 });

test('noise makes no session fail, and a client behind it finds all that nobody has deleted by a QUIT', async () => {
  await using pop3 = await startPop3UnderTest({ limits: { auth_failures_per_client: 1_000_000 } });
  for (const account of ['alice@example.org', 'bob@example.org']) await pop3.deliver(account, 'Subject: 1\r\n\r\n.\r\n', 'Subject: 2\r\n\r\nx\r\n');
  const property = fc.asyncProperty(fc.array(chunks, { minLength: 1, maxLength: 6 }), async (sessions) => {
    const all = await Promise.all(sessions.map((sent) => talk(pop3.port('plain'), sent)));
    for (const said of all) expect(said).toMatch(/^\+OK [\x20-\x7e]*\r\n(?:[\x20-\x7e]*\r\n)*$/);
  });
  await fc.assert(property, { numRuns: 100, interruptAfterTimeLimit: 3_000 });
  expect(pop3.lines.filter((logged) => !['debug', 'info'].includes(JSON.parse(logged).level))).toEqual([]);
  await pop3.deliver('alice@example.org', 'Subject: 3\r\n\r\ny\r\n');
  await using client = await pop3.logIn();
  const count = Number((await client.command('STAT', '+OK *')).split(' ')[1]);
  await client.transcript(`C: RETR ${count}\nS: +OK *\nS: Return-Path: <>\nS: Subject: 3\nS:\nS: y\nS: .\nC: QUIT\nS: +OK Bye\nS: closed`);
}, 20_000);

const MB = 1024 * 1024;

test('noise leaves nothing in memory behind', async () => {
  await using pop3 = await startPop3UnderTest({ limits: { auth_failures_per_client: 1_000_000 } });
  for (const account of ['alice@example.org', 'bob@example.org']) await pop3.deliver(account, 'Subject: 1\r\n\r\n.\r\n');
  const sessions = fc.sample(chunks, { numRuns: 600, seed: 20_261 });
  await leavesNoMore(sessions, 2 * MB, (sent) => talk(pop3.port('plain'), sent), pop3);
}, 60_000);

test.each([
  { what: 'a line without end', start: '', piece: 'x', reads: true },
  { what: 'a line of AUTH without end', start: 'AUTH PLAIN\r\n', piece: 'eHh4', reads: true },
  { what: 'commands, with no answer read', start: `AUTH PLAIN ${PLAIN}\r\n`, piece: 'RETR 1\r\n', reads: false },
  { what: 'commands that are none', start: '', piece: 'a\r\n', reads: false },
])(
  '$what, from ten clients at once, takes no more than its share of memory',
  async ({ start, piece, reads }) => {
    await using pop3 = await startPop3UnderTest({ limits: { auth_failures_per_client: 1_000_000 } });
    await pop3.deliver('alice@example.org', `Subject: large\r\n\r\n${'x\r\n'.repeat(MB / 3)}`);
    const chunk = Buffer.from(piece.repeat(65_536 / piece.length));
    const flooding = { metrics: pop3.metrics, port: pop3.port('plain'), connections: 10, start, piece: chunk, times: 48, reads };
    await holdsWhenFlooded(flooding, { meanwhile: 5 * MB, afterwards: 2 * MB });
  },
  60_000,
);
