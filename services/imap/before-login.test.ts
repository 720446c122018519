// From the connection to the login: greeting, capabilities, TLS, passwords, limits, the end.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLineDialogue } from '#shared/session/testing/line-dialogue.ts';
import { ALICE, type ImapUnderTest, PASSWORD, PLAIN, startImapUnderTest } from './testing/imap-under-test.ts';

let imap: ImapUnderTest;
beforeAll(async () => {
  imap = await startImapUnderTest({ limits: { auth_failures_per_client: 1000, errors: 5 } });
});
afterAll(async () => imap[Symbol.asyncDispose]());

const dial = (port: 'plain' | 'strict' | 'implicit' = 'plain') => openLineDialogue({ port: imap.port(port), ...(port === 'implicit' ? { tls: {} } : {}) });

describe('greeting and capabilities', () => {
  test('without TLS there is STARTTLS, and no password', async () => {
    await using client = await dial('strict');
    await client.transcript(`
      S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR ID ENABLE STARTTLS LOGINDISABLED] imap.example.org Stafette ready
      C: a LOGIN ${ALICE} "${PASSWORD}"
      S: a NO [PRIVACYREQUIRED] *
      C: b AUTHENTICATE PLAIN ${PLAIN}
      S: b NO [PRIVACYREQUIRED] *
      C: c SELECT INBOX
      S: c BAD *
      C: d LOGOUT
      S: * BYE Logging out
      S: d OK *
      S: closed
    `);
  });

  test('RFC 9051 section 6.2.1: after STARTTLS passwords are taken, and what was sent before is forgotten', async () => {
    await using client = await dial('strict');
    await client.expect('* OK *');
    client.send('a STARTTLS', 'b LOGOUT');
    await client.expect('a OK *');
    await client.startTls();
    await client.transcript(`
      C: c CAPABILITY
      S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN
      S: c OK *
      C: d STARTTLS
      S: d BAD TLS is on already
      C: e LOGIN ${ALICE} "${PASSWORD}"
      S: e OK [CAPABILITY IMAP4rev1 * UTF8=ACCEPT APPENDLIMIT=*] Logged in
      C: f LOGIN ${ALICE} "${PASSWORD}"
      S: f BAD *
    `);
  });

  test('RFC 8314 section 3: TLS from the first byte', async () => {
    await using client = await dial('implicit');
    await client.transcript(`S: * OK *\nC: a LOGIN ${ALICE} {13}\nS: + OK\nC: ${PASSWORD}\nS: a OK *`);
  });
});

describe('passwords', () => {
  test('AUTHENTICATE PLAIN and LOGIN, with and without an initial response (RFC 4959)', async () => {
    for (const exchange of [
      `C: a AUTHENTICATE PLAIN ${PLAIN}\nS: a OK *`,
      `C: a authenticate plain\nS: +*\nC: ${PLAIN}\nS: a OK *`,
      `C: a AUTHENTICATE LOGIN\nS: + VXNlcm5hbWU6\nC: ${btoa(ALICE)}\nS: + UGFzc3dvcmQ6\nC: ${btoa(PASSWORD)}\nS: a OK *`,
    ]) {
      await using client = await dial();
      await client.transcript(`S: * OK *\n${exchange}`);
    }
  });

  test('what is no exchange is BAD, and a mechanism that we do not have is NO', async () => {
    await using client = await dial();
    await client.transcript(`
      S: * OK *
      C: a AUTHENTICATE PLAIN
      S: +*
      C: *
      S: a BAD Authentication cancelled
      C: b AUTHENTICATE PLAIN !!!
      S: b BAD *
      C: c AUTHENTICATE GSSAPI
      S: c NO [CANNOT] *
      C: e AUTHENTICATE PLAIN ${btoa(`bob\0${ALICE}\0${PASSWORD}`)}
      S: e NO [AUTHORIZATIONFAILED] *
      C: d LOGIN ${ALICE} "${PASSWORD}"
      S: d OK *
    `);
  });

  test('three failures end the session', async () => {
    await using client = await dial();
    await client.transcript(`
      S: * OK *
      C: a LOGIN ${ALICE} wrong
      S: a NO [AUTHENTICATIONFAILED] *
      C: b LOGIN nobody@example.org "${PASSWORD}"
      S: b NO [AUTHENTICATIONFAILED] *
      C: c AUTHENTICATE PLAIN AGEAYg==
      S: * BYE Too many failed attempts
      S: c NO [AUTHENTICATIONFAILED] *
      S: closed
    `);
    expect(imap.lines.join('')).not.toContain(PASSWORD);
  });

  test('guessing is throttled, a directory that is away is told apart', async () => {
    await using strict = await startImapUnderTest({ limits: { auth_failures_per_client: 2, auth_failures: 10 } });
    await using client = await strict.dial();
    for (const expected of ['NO [AUTHENTICATIONFAILED]', 'NO [AUTHENTICATIONFAILED]', 'NO [LIMIT]'])
      expect((await client.command(`LOGIN ${ALICE} wrong`)).tagged).toContain(expected);
    await using broken = await startImapUnderTest({ directory: { authenticate: () => Promise.reject(new Error('away')) } });
    await using other = await broken.dial();
    expect((await other.command(`LOGIN ${ALICE} "${PASSWORD}"`)).tagged).toContain('NO [UNAVAILABLE]');
  });
});

describe('what is no IMAP', () => {
  test.each([
    ['an unknown command', 'a FOO', 'a BAD Unknown command'],
    ['a tag alone', 'a', '* BAD Unknown command'],
    ['nothing', '', '* BAD Unknown command'],
    ['a tag that is none', '+ NOOP', '* BAD Unknown command'],
    ['arguments where none belong', 'a NOOP x', 'a BAD Unexpected text after the arguments'],
    ['an argument that is missing', 'a LOGIN alice', 'a BAD Expected a space'],
    ['a command of another state', 'a FETCH 1 FLAGS', 'a BAD FETCH is not allowed now: not authenticated'],
    ['a literal that is too large', 'a LOGIN {1000000}', 'a NO [TOOBIG] Literal too large'],
  ])('%s is told in one line, and the session goes on', async (_, line, expected) => {
    await using client = await dial();
    await client.expect('* OK *');
    await client.command(line, expected);
    await client.command('z NOOP', 'z OK Done');
  });

  test('lines without CR LF, and with NUL', async () => {
    await using client = await dial();
    await client.expect('* OK *');
    client.sendRaw('a NOOP\nb NO\0OP\r\nc NOOP\r\n');
    await client.transcript('S: * BAD Lines end with CR LF and hold no NUL\nS: * BAD Lines *\nS: c OK Done');
  });

  test('RFC 7888 section 5: a large literal that does not wait ends the session', async () => {
    await using client = await dial();
    await client.transcript('S: * OK *\nC: a LOGIN {5000+}\nS: * BYE Literal too large\nS: a BAD [TOOBIG] *\nS: closed');
  });

  test('an endless line ends the session', async () => {
    await using client = await dial();
    await client.expect('* OK *');
    client.sendRaw(`a LOGIN ${'x'.repeat(70_000)}`);
    await client.transcript('S: * BYE Command line too long\nS: * BAD *\nS: closed');
  });

  test('too many errors end the session', async () => {
    await using client = await dial();
    await client.expect('* OK *');
    for (let i = 1; i <= 5; i++) await client.command(`${i} FOO`, `${i} BAD *`);
    await client.transcript('S: * BYE Too many errors\nS: closed');
  });

  test('a browser gets no word in', async () => {
    await using client = await dial();
    await client.expect('* OK *');
    client.sendRaw('POST / HTTP/1.1\r\nHost: x\r\n\r\na LOGIN alice b\r\n');
    await client.transcript('S: * BYE This is an IMAP server\nS: closed');
  });
});

describe('limits and the end', () => {
  test('more connections than allowed are sent away', async () => {
    await using small = await startImapUnderTest({ limits: { connections_per_client: 1 } });
    await using _ = await small.dial();
    await using second = await openLineDialogue({ port: small.port('plain') });
    await second.transcript('S: * BYE Too many connections\nS: closed');
  });

  test('silence is ended with BYE', async () => {
    await using short = await startImapUnderTest({ limits: { login_timeout: 100 }, idleTimeout: 300 });
    await using client = await openLineDialogue({ port: short.port('plain') });
    await client.transcript('S: * OK *\nS: * BYE Idle for too long\nS: closed');
    await using idler = await openLineDialogue({ port: short.port('plain') });
    await idler.transcript(`S: * OK *\nC: a LOGIN ${ALICE} "${PASSWORD}"\nS: a OK *\nC: b IDLE\nS: + idling\nS: * BYE Idle for too long\nS: b OK *\nS: closed`);
  });

  test('draining says BYE to those who wait, and lets commands end', async () => {
    await using going = await startImapUnderTest();
    await using waiting = await going.logIn();
    await using idling = await going.logIn();
    await idling.ok('SELECT INBOX');
    idling.send('IDLE');
    expect(await idling.response()).toBe('+ idling');
    const drained = going.service.drain(new AbortController().signal);
    await waiting.dialogue.transcript('S: * BYE Shutting down, connect again\nS: closed');
    await idling.dialogue.transcript('S: * BYE Shutting down, connect again\nS: a3 OK *\nS: closed');
    await drained;
    expect(going.service.notReady()).toBe('imap is draining');
  });

  test('commands and connections are counted', async () => {
    await using client = await imap.logIn();
    await client.ok('NOOP');
    const { values } = await imap.metrics.imapCommands.get();
    expect(values.find(({ labels }) => labels.command === 'LOGIN' && labels.result === 'OK')?.value).toBeGreaterThan(0);
    const open = await imap.metrics.accessConnections.get();
    expect(open.values.some(({ labels, value }) => labels.listener === 'imap' && value > 0)).toBe(true);
  });
});
