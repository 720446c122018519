// What the server says, command by command, on the real server.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALICE, OWN_HEADER, PASSWORD, PLAIN, type Pop3UnderTest, startPop3UnderTest } from './testing/pop3-under-test.ts';

let pop3: Pop3UnderTest;
beforeAll(async () => {
  pop3 = await startPop3UnderTest({ limits: { auth_failures_per_client: 1000 } });
});
afterAll(async () => pop3[Symbol.asyncDispose]());

const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Empties the maildrop of bob, fills it with these, and logs in as bob. */
async function bobWith(...messages: readonly (string | Buffer)[]) {
  await using before = await pop3.logIn('bob@example.org');
  const count = Number((await before.command('STAT', '+OK *')).split(' ')[1]);
  for (let number = 1; number <= count; number++) await before.command(`DELE ${number}`, '+OK *');
  await before.transcript('C: QUIT\nS: +OK *\nS: closed');
  await pop3.deliver('bob@example.org', ...messages);
  return await pop3.logIn('bob@example.org');
}

const ONE = 'Subject: one\r\n\r\nbody\r\n';
const DOTS = 'Subject: dots\r\n\r\n.\r\n..two\r\nlast\r\n';
const OWN = OWN_HEADER.length;

describe('RFC 2449 CAPA', () => {
  const COMMON = 'S: TOP\nS: UIDL\nS: PIPELINING\nS: RESP-CODES\nS: AUTH-RESP-CODE\nS: EXPIRE NEVER\nS: UTF8 USER\nS: LANG\nS: IMPLEMENTATION Stafette\nS: .';
  test('offers STLS before TLS, and what takes a password behind it', async () => {
    await using client = await pop3.dial('strict');
    await client.transcript(`C: CAPA\nS: +OK *\nS: STLS\n${COMMON}\nC: stls\nS: +OK *`);
    await client.startTls();
    await client.transcript(`C: CAPA\nS: +OK *\nS: USER\nS: SASL PLAIN LOGIN\n${COMMON}\nC: STLS\nS: -ERR TLS already active`);
    await using implicit = await pop3.dial('implicit');
    await implicit.transcript(`C: CAPA\nS: +OK *\nS: USER\nS: SASL PLAIN LOGIN\n${COMMON}`);
  });

  test('is there when logged in', async () => {
    await using client = await pop3.logIn();
    await client.transcript(`C: CAPA\nS: +OK *\nS: STLS\nS: USER\nS: SASL PLAIN LOGIN\n${COMMON}`);
  });
});

describe('RFC 2595 STLS', () => {
  test('is needed for passwords, and forgets what came before and with it', async () => {
    await using client = await pop3.dial('strict');
    await client.transcript(`
      C: USER ${ALICE}
      S: -ERR Send STLS first: passwords travel over TLS only
      C: PASS ${PASSWORD}
      S: -ERR Send STLS first*
      C: AUTH PLAIN ${PLAIN}
      S: -ERR Send STLS first*
      C: STLS now
      S: -ERR Wrong arguments*`);
    client.send('STLS', `USER ${ALICE}`);
    await client.expect('+OK Begin TLS negotiation');
    await client.startTls();
    await client.command(`PASS ${PASSWORD}`, '-ERR Command not allowed now');
    await client.transcript(`C: USER ${ALICE}\nS: +OK Send PASS`);
    await client.command(`PASS ${PASSWORD}`, '+OK 0 messages (0 octets)');
    await client.command('STLS', '-ERR Command not allowed now');
  });
});

describe('logging in', () => {
  test('RFC 1939: USER and PASS, the password as it stands', async () => {
    await using client = await pop3.dial();
    await client.transcript(`C: PASS x\nS: -ERR Command not allowed now\nC: USER\nS: -ERR Wrong arguments*\nC: user ${ALICE} \nS: +OK Send PASS`);
    client.send(`PASS ${PASSWORD.trim()}`);
    await client.expect('-ERR [AUTH] Invalid credentials');
    client.send(`PASS ${PASSWORD}`);
    await client.transcript(`S: -ERR Command not allowed now\nC: USER ${ALICE}\nS: +OK *`);
    client.send(`PASS ${PASSWORD}`);
    await client.transcript('S: +OK 0 messages (0 octets)\nC: USER x\nS: -ERR Command not allowed now\nC: QUIT\nS: +OK Bye\nS: closed');
  });

  test('RFC 5034: AUTH with and without an initial response', async () => {
    for (const transcript of [
      `C: AUTH PLAIN ${PLAIN}`,
      `C: AUTH PLAIN\nS: +\nC: ${PLAIN}`,
      `C: auth login\nS: + VXNlcm5hbWU6\nC: ${base64(ALICE)}\nS: + UGFzc3dvcmQ6\nC: ${base64(PASSWORD)}`,
      `C: AUTH LOGIN ${base64(ALICE)}\nS: + UGFzc3dvcmQ6\nC: ${base64(PASSWORD)}`,
    ]) {
      await using client = await pop3.dial('implicit');
      await client.transcript(`${transcript.replace('S: +\n', 'S: + *\n')}\nS: +OK 0 messages (0 octets)\nC: QUIT\nS: +OK Bye\nS: closed`);
    }
  });

  test('what is no exchange', async () => {
    await using client = await pop3.dial();
    await client.transcript(`
      C: AUTH
      S: -ERR Wrong arguments for this command
      C: AUTH CRAM-MD5
      S: -ERR Mechanism not supported: PLAIN and LOGIN are
      C: AUTH PLAIN a b
      S: -ERR Wrong arguments for this command
      C: AUTH PLAIN !!!!
      S: -ERR Cannot decode the response
      C: AUTH PLAIN =
      S: -ERR Cannot decode the response
      C: AUTH LOGIN
      S: + *
      C: *
      S: -ERR Authentication cancelled
      C: AUTH PLAIN ${base64(`bob@example.org\0${ALICE}\0${PASSWORD}`)}
      S: -ERR [AUTH] Nobody may act for another here
      C: AUTH PLAIN ${PLAIN}
      S: +OK *`);
  });

  test('RFC 3206: a wrong password and an unknown account look alike, and three end the session', async () => {
    await using client = await pop3.dial();
    await client.transcript(`
      C: AUTH PLAIN ${base64(`\0${ALICE}\0wrong`)}
      S: -ERR [AUTH] Invalid credentials
      C: USER nobody@example.org
      S: +OK Send PASS
      C: PASS wrong
      S: -ERR [AUTH] Invalid credentials
      C: AUTH PLAIN ${base64(`\0${ALICE}\0wrong`)}
      S: -ERR [AUTH] Invalid credentials
      S: closed`);
    expect(pop3.lines.join()).not.toContain(PASSWORD);
    expect(pop3.lines.join()).not.toContain(PLAIN);
  });

  test('RFC 6856: names and passwords may be UTF-8, UTF8 comes first, LANG at any time', async () => {
    await using client = await pop3.dial('strict');
    await client.transcript(`
      C: UTF8
      S: +OK UTF-8 enabled
      C: STLS
      S: -ERR STLS comes before UTF8
      C: LANG
      S: +OK *
      S: en English
      S: .
      C: LANG EN
      S: +OK en In English
      C: LANG i-default
      S: +OK i-default In English
      C: LANG *
      S: +OK en In English
      C: LANG de
      S: -ERR Language not supported
      C: LANG a b
      S: -ERR Wrong arguments*`);
    await using other = await pop3.dial();
    await other.transcript('C: USER müller@example.org\nS: +OK *\nC: PASS ünsicher\nS: -ERR [AUTH] *');
    await using logged = await pop3.logIn();
    await logged.transcript('C: UTF8\nS: -ERR Command not allowed now\nC: LANG *\nS: +OK en In English');
  });
});

describe('RFC 1939 TRANSACTION', () => {
  test('an empty maildrop', async () => {
    await using client = await bobWith();
    await client.transcript(`
      C: STAT
      S: +OK 0 0
      C: LIST
      S: +OK 0 messages (0 octets)
      S: .
      C: UIDL
      S: +OK *
      S: .
      C: RETR 1
      S: -ERR No such message
      C: RSET
      S: +OK 0 messages (0 octets)
      C: NOOP
      S: +OK Done`);
  });

  test('sizes are the octets sent, dot-stuffing aside', async () => {
    await using client = await bobWith(ONE, DOTS);
    await client.transcript(`
      C: STAT
      S: +OK 2 ${ONE.length + DOTS.length + 2 * OWN}
      C: LIST
      S: +OK 2 messages (${ONE.length + DOTS.length + 2 * OWN} octets)
      S: 1 ${ONE.length + OWN}
      S: 2 ${DOTS.length + OWN}
      S: .
      C: LIST 2
      S: +OK 2 ${DOTS.length + OWN}
      C: RETR 2
      S: +OK ${DOTS.length + OWN} octets
      S: Return-Path: <>
      S: Subject: dots
      S:
      S: ..
      S: ...two
      S: last
      S: .
      C: LIST 3
      S: -ERR No such message
      C: list 0
      S: -ERR No such message`);
  });

  test('TOP', async () => {
    await using client = await bobWith(DOTS, 'Subject: no body\r\n', '\r\nno header\r\nx\r\n');
    await client.transcript(`
      C: TOP 1 0
      S: +OK Top of message follows
      S: Return-Path: <>
      S: Subject: dots
      S:
      S: .
      C: TOP 1 2
      S: +OK *
      S: Return-Path: <>
      S: Subject: dots
      S:
      S: ..
      S: ...two
      S: .
      C: TOP 1 4000000000
      S: +OK *
      S: Return-Path: <>
      S: Subject: dots
      S:
      S: ..
      S: ...two
      S: last
      S: .
      C: TOP 2 5
      S: +OK *
      S: Return-Path: <>
      S: Subject: no body
      S: .
      C: TOP 3 1
      S: +OK *
      S: Return-Path: <>
      S:
      S: no header
      S: .
      C: TOP 1
      S: -ERR Wrong arguments for this command
      C: TOP 4 1
      S: -ERR No such message`);
  });

  test('UIDL is the same in every session, and no message has that of another', async () => {
    const first = await bobWith(ONE, ONE, ONE);
    const ids = await uniqueIds(first);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{1,70}$/);
    await first.transcript(
      `C: UIDL 2\nS: +OK 2 ${ids[1]}\nC: UIDL 4\nS: -ERR No such message\nC: DELE 2\nS: +OK *\nC: UIDL 2\nS: -ERR No such message\nC: QUIT\nS: +OK Bye\nS: closed`,
    );
    await pop3.deliver('bob@example.org', ONE);
    await using second = await pop3.logIn('bob@example.org');
    const later = await uniqueIds(second);
    expect(later.slice(0, 2)).toEqual([ids[0], ids[2]]);
    expect(ids).not.toContain(later[2]);
  });

  test('DELE hides, RSET brings back, QUIT removes', async () => {
    const client = await bobWith(ONE, DOTS);
    await client.transcript(`
      C: DELE 1
      S: +OK Message 1 deleted
      C: DELE 1
      S: -ERR No such message
      C: RETR 1
      S: -ERR No such message
      C: TOP 1 0
      S: -ERR No such message
      C: STAT
      S: +OK 1 ${DOTS.length + OWN}
      C: LIST
      S: +OK 1 messages (${DOTS.length + OWN} octets)
      S: 2 ${DOTS.length + OWN}
      S: .
      C: RSET
      S: +OK 2 messages (${ONE.length + DOTS.length + 2 * OWN} octets)
      C: DELE 2
      S: +OK Message 2 deleted
      C: QUIT
      S: +OK Bye
      S: closed`);
    await using again = await pop3.logIn('bob@example.org');
    await again.transcript(`C: LIST\nS: +OK 1 *\nS: 1 ${ONE.length + OWN}\nS: .`);
  });

  test('wrong arguments', async () => {
    await using client = await bobWith(ONE);
    for (const line of [
      'RETR',
      'RETR x',
      'RETR -1',
      'RETR +1',
      'RETR 1 2',
      'RETR 1.0',
      'RETR 11111111111',
      'DELE',
      'LIST x',
      'LIST 1 2',
      'UIDL  1',
      'STAT 1',
      'NOOP 1',
      'RSET 1',
      'QUIT 1',
      'TOP 1 -1',
    ])
      await client.command(line, '-ERR Wrong arguments for this command');
    await client.transcript('C: RETR 1 \nS: +OK *');
  });
});

test('RFC 2449 PIPELINING: a session in one write', async () => {
  await using setUp = await bobWith(ONE, DOTS);
  await setUp.transcript('C: QUIT\nS: +OK *\nS: closed');
  await using client = await pop3.dial('implicit');
  client.send(`AUTH PLAIN ${base64(`\0bob@example.org\0${PASSWORD}`)}`, 'STAT', 'RETR 1', 'DELE 1', 'nonsense', 'UIDL 2', 'QUIT', 'NOOP');
  await client.transcript(
    'S: +OK 2 *\nS: +OK 2 *\nS: +OK *\nS: Return-Path: <>\nS: Subject: one\nS:\nS: body\nS: .\nS: +OK Message 1 deleted\nS: -ERR Command not recognised\nS: +OK 2 *\nS: +OK Bye\nS: closed',
  );
});

describe('what is no POP3', () => {
  test.each([
    ['GET / HTTP/1.1', '-ERR This is no HTTP server', true],
    ['', '-ERR Command not recognised', false],
    ['XYZZY', '-ERR Command not recognised', false],
    ['APOP alice 0123', '-ERR Command not recognised', false],
    ['STAT', '-ERR Command not allowed now', false],
    [' USER alice', '-ERR Command not recognised', false],
    [`USER ${'x'.repeat(2000)}`, '-ERR Line too long', false],
    ['x'.repeat(13_000), '-ERR Line too long', true],
    ['USER a\0b', '-ERR Bare CR or NUL in a command', false],
    ['USER a\nQUIT', '-ERR Bare LF: lines end with CR LF', true],
  ])('%j', async (line, reply, closes) => {
    await using client = await pop3.dial();
    client.send(line);
    await client.expect(reply);
    await (closes ? client.closed() : client.command('CAPA', '+OK *'));
  });

  test('octets that are no UTF-8', async () => {
    await using client = await pop3.dial();
    client.sendRaw(Buffer.from('USER m\xfcller\r\n', 'latin1'));
    await client.expect('-ERR Command is not valid UTF-8');
  });

  test('too much of it', async () => {
    await using client = await pop3.dial();
    for (let count = 1; count < 20; count++) await client.command('nonsense', '-ERR Command not recognised');
    await client.transcript('C: nonsense\nS: -ERR Too many errors\nS: closed');
  });
});

async function uniqueIds(client: Awaited<ReturnType<typeof pop3.logIn>>): Promise<readonly string[]> {
  await client.command('UIDL', '+OK *');
  const ids = [];
  for (let line = await client.line(); line !== '.'; line = await client.line()) ids.push(line.split(' ')[1] ?? '');
  return ids;
}
