// A message of a million parts and one nested a hundred deep, through every role that touches mail: what reads them lets others work.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { talk } from '#shared/testing/talk.ts';
import { ImapClient } from '../imap/testing/imap-client.ts';
import { type MailPods, PASSWORD, startMailPods } from './testing/mail-pods.ts';
import { send } from './testing/talk.ts';

const ALICE = 'alice@example.org';
const PARTS = 1_000_000;
/** Within the outermost: a hundred levels. */
const DEEP = 99;
/** Milliseconds. */
const MOST = 100;

const million = `Subject: parts\nContent-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(PARTS)}--b--\n`;
const nested = `Subject: deep\n${'Content-Type: message/rfc822\n\n'.repeat(DEEP)}Subject: innermost\n\ntext\n`;
const multiparts = `Subject: multiparts\n${Array.from({ length: DEEP }, (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`).join('')}\ntext\n`;
/** As much text as is indexed, and no word of it twice. */
const words = `Subject: words\n\n${Array.from({ length: 45_000 }, (_, index) => ((index * 2_654_435_761) % 2 ** 32).toString(36)).join('\n')}\n`;
const ALL = [million, nested, multiparts, words];

test.each(['sqlite', 'postgres'] as const)('on %s a million parts and a hundred levels keep no process from turning', { timeout: 90_000 }, async (database) => {
  await using pods = await startMailPods({ database, accounts: [ALICE], copies: 1 });
  await stays(pods);
  for (const text of ALL) await send({ smtp: pods.front.port }, { to: ALICE, text });
  await using client = await ImapClient.connect({ port: pods.imap[0]?.port ?? 0, patience: 30_000 });
  await client.ok(`LOGIN ${ALICE} "${PASSWORD}"`);
  await eventually(async () => (await client.ok('STATUS INBOX (MESSAGES)')).some((line) => line.includes(`MESSAGES ${ALL.length}`)), {
    within: 40_000,
    every: 100,
  });
  await client.ok('SELECT INBOX');
  const listed = await client.ok('FETCH 1:* (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)');
  expect(listed.map((line) => line.split('"TEXT" "PLAIN"').length + line.split('"text" "plain"').length).toSorted((a, b) => b - a)[0]).toBeGreaterThan(9_000);
  expect(listed.filter((line) => line.split(/"rfc822"|"mixed"/).length > 90)).toHaveLength(2);
  for (const criterion of ['SUBJECT deep', 'TEXT innermost', 'BODY text', 'LARGER 1000000', 'BODY grnhia'])
    expect((await client.ok(`SEARCH ${criterion}`)).join(), criterion).toMatch(/\d/);
  const whole = await client.ok('FETCH 1:* (BODY.PEEK[])');
  expect(whole.join('').length).toBeGreaterThan(10 * PARTS);
  await client.ok('FETCH 1:* (BODY.PEEK[1] BODY.PEEK[9999] BODY.PEEK[HEADER.FIELDS (Subject)])');
  await client.ok('SORT (SUBJECT) UTF-8 ALL');
  for (let copy = 0; copy < 5; copy++) await client.ok('COPY 1:* Junk');
  await client.ok('SELECT Junk');
  expect((await client.ok('FETCH 1:* BODYSTRUCTURE')).filter((line) => line.includes('FETCH'))).toHaveLength(5 * ALL.length);
  await retrieveAll(pods);
  for (const [role, worked] of await stays(pods)) expect(worked, `the longest work of ${role} without a turn, in ms`).toBeLessThan(MOST);
  await pods.check();
});

/** The longest work of each process without a turn. */
async function stays({ front, imap, pop3, delivery }: MailPods): Promise<readonly (readonly [string, number])[]> {
  const all = [front, ...imap, ...pop3, ...delivery];
  return await Promise.all(
    all.map(async (pod) => [pod.roles, Math.max(0, ...(await pod.stays()).map(({ stayed, worked }) => Math.min(stayed, worked)))] as const),
  );
}

/** Each by TOP and by RETR, in one session. */
async function retrieveAll({ pop3 }: MailPods): Promise<void> {
  const login = `AUTH PLAIN ${Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64')}`;
  const commands = ALL.flatMap((_, index) => [`TOP ${index + 1} 10`, `RETR ${index + 1}`]);
  const said = await talk(
    pop3[0]?.port ?? 0,
    [login, ...commands, 'QUIT'].map((line) => Buffer.from(`${line}\r\n`)),
  );
  expect(said.length).toBeGreaterThan(10 * PARTS);
  expect(said.slice(-20)).toMatch(/\r\n\.\r\n\+OK Bye\r\n$/);
}
