// Noise on the live server: whatever comes, each answer is an answer, no session fails inside, and the next client is served.
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holdsWhenFlooded, leavesNoMore } from '#shared/session/testing/flood.ts';
import { ALICE, type ImapUnderTest, PASSWORD, startImapUnderTest } from './testing/imap-under-test.ts';

const COMMANDS = `CAPABILITY NOOP SELECT EXAMINE LIST LSUB STATUS CREATE DELETE RENAME SUBSCRIBE APPEND STORE UID FETCH SEARCH SORT THREAD COPY MOVE EXPUNGE CLOSE
  ENABLE IDLE DONE ID NAMESPACE GETQUOTAROOT AUTHENTICATE UNSELECT CHECK`;
const ARGUMENTS = `INBOX "" * % (MESSAGES) a/b {3} (\\Seen) 1:* 1 $ +FLAGS FLAGS.SILENT (FLAGS BODY[]<0.10> BODY.PEEK[1.MIME] ENVELOPE) ALL RETURN (COUNT) OR NOT SUBJECT x
  (DATE) UTF-8 REFERENCES QRESYNC (QRESYNC (1 1)) NIL (UNCHANGEDSINCE 0) ( ) " \\ PLAIN = USE (\\Archive)`;
const WORDS = [...`${COMMANDS} ${ARGUMENTS} ${COMMANDS}`.split(/\s+/), '{3+}\r\n', '~{2+}\r\n', '\0', '\xff'];
const line = fc.tuple(
  fc.constantFrom('a', 'a', 'a', 'b', '+', ''),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 7 }),
  fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', ''),
);
const script = fc.array(
  line.map(([tag, words, end]) => `${[tag, ...words].join(' ')}${end}`),
  { minLength: 1, maxLength: 15 },
);

/** Logs in, sends all in pieces of any size, closes its side, and returns what was said. */
function talk(imap: ImapUnderTest, lines: readonly string[], cut: number): Promise<string> {
  const sent = Buffer.from(`l LOGIN ${ALICE} "${PASSWORD}"\r\ns SELECT INBOX\r\n${lines.join('')}\r\n`, 'latin1');
  return new Promise((resolve) => {
    const socket = connect({ port: imap.port('plain'), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    let said = '';
    const next = (at: number) => {
      if (at >= sent.length) return void socket.end();
      if (!socket.destroyed) socket.write(sent.subarray(at, at + cut));
      setImmediate(next, at + cut);
    };
    socket.on('error', () => undefined).on('close', () => resolve(said));
    socket.on('end', () => socket.end());
    socket.on('data', (data) => {
      said += data.toString('latin1');
    });
    next(0);
  });
}

test('noise makes no session fail, and the next client is served', async () => {
  await using imap = await startImapUnderTest({ limits: { connections_per_client: 100 } });
  await imap.deliver(ALICE, ['Subject: x\r\n\r\nhello\r\n', 'From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n']);
  const property = fc.asyncProperty(fc.array(script, { minLength: 1, maxLength: 4 }), fc.integer({ min: 5, max: 2000 }), async (sessions, cut) => {
    const all = await Promise.all(sessions.map((lines) => talk(imap, lines, cut)));
    for (const said of all) {
      const withoutLiterals = said.replace(/~?\{(\d+)\}\r\n/g, '');
      expect(withoutLiterals).toMatch(/^\* OK /);
      expect(said.endsWith('\r\n')).toBe(true);
    }
  });
  await fc.assert(property, { numRuns: 80, interruptAfterTimeLimit: 6_000 });
  expect(imap.lines.filter((logged) => /"level":(?:50|60)|"level":"(?:error|fatal)"/.test(logged))).toEqual([]);
  await using client = await imap.logIn();
  await client.ok('SELECT INBOX');
}, 20_000);

const MB = 1024 * 1024;

test('noise leaves nothing in memory behind', async () => {
  await using imap = await startImapUnderTest({ limits: { connections_per_client: 100 } });
  await imap.deliver(ALICE, ['Subject: x\r\n\r\nhello\r\n']);
  const scripts = fc.sample(script, { numRuns: 700, seed: 20_261 });
  await leavesNoMore(scripts, 2 * MB, (lines) => talk(imap, lines, 400), imap);
}, 60_000);

const LOGIN = `l LOGIN ${ALICE} "${PASSWORD}"\r\ns SELECT INBOX\r\n`;
test.each([
  { what: 'a line without end', start: '', piece: 'x', reads: true },
  { what: 'a line without end behind a login', start: `${LOGIN}a SEARCH `, piece: '(', reads: true },
  { what: 'numbers without end', start: `${LOGIN}a FETCH `, piece: '1,', reads: true },
  { what: 'a literal that is too large', start: `${LOGIN}a SEARCH SUBJECT {99999999+}\r\n`, piece: 'x', reads: true },
  { what: 'literals without end', start: `${LOGIN}a SEARCH `, piece: 'SUBJECT {4+}\r\nabcd ', reads: true },
  { what: 'a message', start: `${LOGIN}a APPEND INBOX {20971520+}\r\n`, piece: 'x', reads: true },
  { what: 'commands, with no answer read', start: LOGIN, piece: 'a UID FETCH 1:* BODY.PEEK[]\r\n', reads: false },
  { what: 'commands that are none', start: LOGIN, piece: 'a\r\n', reads: false },
])(
  '$what, from ten clients at once, takes no more than its share of memory',
  async ({ start, piece, reads }) => {
    await using imap = await startImapUnderTest({ limits: { connections_per_client: 100 } });
    await imap.deliver(ALICE, [`Subject: large\r\n\r\n${'x'.repeat(MB)}\r\n`]);
    const chunk = Buffer.from(piece.repeat(65_536 / piece.length));
    const flooding = { metrics: imap.metrics, port: imap.port('plain'), connections: 10, start, piece: chunk, times: 64, reads };
    // A command of 64 KB and literals of 1 MB are allowed to each; 4 MB come from each.
    await holdsWhenFlooded(flooding, { meanwhile: 15 * MB, afterwards: 2 * MB });
    await using client = await imap.logIn();
    await client.ok('SELECT INBOX');
  },
  60_000,
);
