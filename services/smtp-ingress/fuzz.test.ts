// Noise on the live server: whatever comes, each reply is a reply, no session fails inside, and the next client is served.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { talk } from '#shared/testing/talk.ts';
import { startIngress } from './testing/ingress-under-test.ts';

const word = fc.constantFrom(
  'EHLO x',
  'HELO [::1]',
  'MAIL FROM:<>',
  'MAIL FROM:<a@b> SIZE=99999999999999999999',
  'MAIL FROM:<"a\\"b"@c> RET=FULL ENVID=x',
  'RCPT TO:<alice@example.org>',
  'RCPT TO:<@a,@b:c@d>',
  'RCPT TO:<postmaster> NOTIFY=NEVER ORCPT=rfc822;+41',
  'DATA',
  'RSET',
  'NOOP',
  'AUTH PLAIN',
  'AUTH LOGIN YQ==',
  'VRFY <',
  'HELP',
  'QUIT',
  '.',
  '..',
  '*',
  'Subject: x',
  '',
  ' ',
  'XCLIENT ADDR=1.2.3.4',
  'BDAT 5 LAST',
);
const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\0', ' ');
const line = fc.tuple(word, end).map(([text, ending]) => Buffer.from(text + ending));
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const chunks = fc.array(fc.oneof({ weight: 12, arbitrary: line }, { weight: 1, arbitrary: noise }), { minLength: 1, maxLength: 25 });

test('noise makes no session fail, and a message goes through behind it', async () => {
  await using ingress = await startIngress();
  const property = fc.asyncProperty(fc.array(chunks, { minLength: 1, maxLength: 6 }), async (sessions) => {
    const all = await Promise.all(sessions.map((sent) => talk(ingress.port('relay'), sent)));
    for (const said of all) expect(said).toMatch(/^(?:[2345]\d\d[ -][\x20-\x7e]*\r\n)+$/);
  });
  await fc.assert(property, { numRuns: 150, interruptAfterTimeLimit: 6_000 });
  expect(ingress.world.lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  await using client = await ingress.dial();
  await client.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250 2.0.0 *');
}, 20_000);
