// The dialogue, rule by rule, as transcripts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IngressUnderTest, type Port, startIngress } from './testing/ingress-under-test.ts';

let ingress: IngressUnderTest;
beforeAll(async () => {
  const routes = {
    'closed.example': { transport: 'error', status: '5.7.1', text: 'Closed for good' },
    'later.example': { transport: 'error', status: '4.3.2', text: 'Come back in May' },
    '*': { transport: 'dns' },
  } as const;
  ingress = await startIngress({ routes });
});
afterAll(async () => ingress[Symbol.asyncDispose]());

/** A transcript behind the greeting. */
function says(name: string, transcript: string, port: Port = 'relay') {
  test(name, async () => {
    await using client = await ingress.dial(port);
    await client.transcript(transcript);
  });
}

const HELLO = `
  C: EHLO client.example.net
  S: 250`;
const SENDER = `${HELLO}
  C: MAIL FROM:<bob@example.net>
  S: 250 2.1.0 Ok`;
const RECIPIENT = `${SENDER}
  C: RCPT TO:<alice@example.org>
  S: 250 2.1.5 Ok`;
const DATA = `${RECIPIENT}
  C: DATA
  S: 354 End data with <CR><LF>.<CR><LF>`;

describe('EHLO and HELO', () => {
  test('EHLO offers what we have, and AUTH not in the clear', async () => {
    await using client = await ingress.dial();
    const { lines } = await client.command('EHLO client.example.net');
    expect(lines).toEqual(['mx.example.org', 'PIPELINING', 'SIZE 52428800', 'STARTTLS', 'ENHANCEDSTATUSCODES', '8BITMIME', 'DSN', 'SMTPUTF8', 'HELP']);
  });
  says('HELO offers nothing', 'C: HELO client.example.net\nS: 250 mx.example.org');
  says('need one name', 'C: EHLO\nS: 501\nC: HELO\nS: 501\nC: EHLO a b\nS: 501\nC: EHLO \u00fc\nS: 501');
  says('take any name', 'C: EHLO [192.0.2.1]\nS: 250\nC: EHLO localhost\nS: 250\nC: ehlo (x\nS: 250');
  says('refuse an endless name', `C: EHLO ${'a'.repeat(256)}\nS: 501`);
  says('EHLO clears the transaction', `${RECIPIENT}${HELLO}\nC: DATA\nS: 503 5.5.1 Need MAIL before this`);
});

describe('the order of commands', () => {
  says('MAIL needs EHLO', 'C: MAIL FROM:<>\nS: 503 5.5.1 Send EHLO first');
  says('RCPT and DATA need MAIL', `${HELLO}\nC: RCPT TO:<a@b>\nS: 503 5.5.1 *\nC: DATA\nS: 503 5.5.1 *`);
  says('DATA needs a recipient', `${SENDER}\nC: DATA\nS: 554 5.5.1 No valid recipients`);
  says('no MAIL within MAIL', `${SENDER}\nC: MAIL FROM:<>\nS: 503 5.5.1 Nested MAIL command`);
  says('RSET ends the transaction', `${RECIPIENT}\nC: RSET\nS: 250 2.0.0 Ok\nC: DATA\nS: 503`);
  says('commands in any case', 'C: eHlO x\nS: 250\nC: mail from:<>\nS: 250 2.1.0 Ok\nC: rcpt to:<alice@example.org>\nS: 250 2.1.5 Ok');
  says('no parameters where there are none', `${HELLO}\nC: RSET x\nS: 501 5.5.4 *\nC: QUIT x\nS: 501 5.5.4 *\nC: DATA x\nS: 501 5.5.4 *`);
});

describe('the other commands', () => {
  says(
    'NOOP, HELP, VRFY, EXPN, QUIT',
    'C: NOOP\nS: 250 2.0.0 Ok\nC: NOOP x\nS: 250\nC: HELP\nS: 214 2.0.0 *\nC: VRFY alice\nS: 252 2.0.0 *\nC: VRFY\nS: 501 5.5.4 *\nC: EXPN staff\nS: 502 5.5.1 *\nC: QUIT\nS: 221 2.0.0 Bye\nS: closed',
  );
  says('what we do not know', 'C: XYZZY\nS: 500 5.5.1 Command not recognised\nC:\nS: 500 5.5.1 *');
  for (const verb of ['GET', 'POST', 'CONNECT', 'OPTIONS']) says(`HTTP hangs up: ${verb}`, `C: ${verb} / HTTP/1.1\nS: 421 4.7.0 *\nS: closed`);
});

describe('MAIL', () => {
  says(
    'paths',
    `${HELLO}
    C: MAIL FROM:bob@example.net
    S: 501 5.1.7 *
    C: MAIL FROM:<bob>
    S: 501 5.1.7 *
    C: MAIL TO:<bob@example.net>
    S: 501 5.1.7 *
    C: MAIL FROM:<bob@example.net> SIZE=1
    S: 250`,
  );
  says(
    'the null reverse-path, a space and a source route',
    `${HELLO}\nC: MAIL FROM:<>\nS: 250\nC: RSET\nS: 250\nC: MAIL FROM: <a@b>\nS: 250\nC: RSET\nS: 250\nC: MAIL FROM:<@relay.example,@other.example:a@b>\nS: 250`,
  );
  says(
    'parameters',
    `${HELLO}
    C: MAIL FROM:<> SIZE=x
    S: 501 5.5.4 *
    C: MAIL FROM:<> SIZE=52428801
    S: 552 5.3.4 Message bigger than the limit of 52428800 bytes
    C: MAIL FROM:<> BODY=BINARYMIME
    S: 501 5.5.4 *
    C: MAIL FROM:<> RET=ALL
    S: 501 5.5.4 *
    C: MAIL FROM:<> ENVID=a+0Ab
    S: 501 5.5.4 *
    C: MAIL FROM:<> ENVID=a+zz
    S: 501 5.5.4 *
    C: MAIL FROM:<> X-FOO=1
    S: 555 5.5.4 *
    C: MAIL FROM:<> RET=FULL RET=HDRS
    S: 501 5.5.4 RET given twice
    C: MAIL FROM:<> ENVID=
    S: 501 5.5.4 Bad parameter
    C: MAIL FROM:<> SMTPUTF8=1
    S: 501 5.5.4 *
    C: MAIL FROM:<> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159 AUTH=<>
    S: 250`,
  );
  says(
    '8-bit paths need SMTPUTF8',
    `${HELLO}\nC: MAIL FROM:<jos\u00e9@example.net>\nS: 553 5.6.7 SMTPUTF8 is needed for this address\nC: MAIL FROM:<jos\u00e9@example.net> SMTPUTF8\nS: 250`,
  );
  test('broken UTF-8 in paths is refused', async () => {
    await using client = await ingress.dial();
    await client.transcript(HELLO);
    client.sendRaw(Buffer.from('MAIL FROM:<jos\xe9@example.net> SMTPUTF8\r\n', 'latin1'));
    await client.expect('553 5.1.7 Path is not valid UTF-8');
    await client.command('MAIL FROM:<> SMTPUTF8', '250');
    client.sendRaw(Buffer.from('RCPT TO:<\xc3(@example.org>\r\n', 'latin1'));
    await client.expect('553 5.1.3 Path is not valid UTF-8');
    client.sendRaw(Buffer.from('NOOP \xff\r\n', 'latin1'));
    await client.expect('500 5.5.2 Command is not valid UTF-8');
  });
});

describe('RCPT', () => {
  says(
    'our own domains, and no one else’s',
    `${SENDER}
    C: RCPT TO:<alice@example.org>
    S: 250 2.1.5 Ok
    C: RCPT TO:<info@EXAMPLE.org>
    S: 250
    C: RCPT TO:<nobody@example.org>
    S: 550 5.1.1 No such mailbox here
    C: RCPT TO:<carol@example.com>
    S: 550 5.7.1 Relaying denied
    C: RCPT TO:<carol%example.com@example.org>
    S: 550 5.1.1 *
    C: RCPT TO:<@example.org:carol@example.com>
    S: 550 5.7.1 *
    C: RCPT TO:<>
    S: 501 5.1.3 *`,
  );
  says(
    'postmaster, with and without a domain',
    `${SENDER}\nC: RCPT TO:<postmaster>\nS: 250\nC: RCPT TO:<PostMaster>\nS: 250\nC: RCPT TO:<postmaster@example.org>\nS: 250\nC: RCPT TO:<postmaster@example.com>\nS: 550 5.7.1 *`,
  );
  says('trusted networks may relay', `${SENDER}\nC: RCPT TO:<carol@example.com>\nS: 250\nC: RCPT TO:<nobody@example.org>\nS: 550 5.1.1 *`, 'trusted');
  const closed = `${SENDER}
    C: RCPT TO:<a@closed.example>
    S: 550 5.7.1 Closed for good
    C: RCPT TO:<a@LATER.example>
    S: 450 4.3.2 Come back in May
    C: RCPT TO:<carol@example.com>
    S: 250`;
  says('a domain whose route is `error` takes nobody', closed, 'trusted');
  says('which is told to those only who may relay', `${SENDER}\nC: RCPT TO:<a@closed.example>\nS: 550 5.7.1 Relaying denied`);
  says(
    'DSN parameters',
    `${SENDER}
    C: RCPT TO:<alice@example.org> NOTIFY=NEVER,FAILURE
    S: 501 5.5.4 *
    C: RCPT TO:<alice@example.org> NOTIFY=SOMETIMES
    S: 501 5.5.4 *
    C: RCPT TO:<alice@example.org> ORCPT=rfc822
    S: 501 5.5.4 *
    C: RCPT TO:<alice@example.org> ORCPT=rfc822;a+0D+0Ab
    S: 501 5.5.4 *
    C: RCPT TO:<alice@example.org> NOTIFY=
    S: 501 5.5.4 Bad parameter
    C: RCPT TO:<alice@example.org> FOO=1
    S: 555 5.5.4 *
    C: RCPT TO:<alice@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;al+2Bice@example.org
    S: 250`,
  );
});

describe('a message', () => {
  async function send(port: Port, commands: string, message: string) {
    await using client = await ingress.dial(port);
    await client.transcript(`${commands}\nC: DATA\nS: 354`);
    return await ingress.message(await client.command(`${message}\r\n.`, '250 2.0.0 Ok: queued as *'));
  }

  test('is queued with a Received field, dot-stuffing undone', async () => {
    const { id, head, content } = await send('relay', RECIPIENT, 'Subject: hello\r\n\r\n..dot\r\nbody');
    expect(content.replace(/\r\n[ \t]+/g, ' ')).toMatch(
      /^Received: from client\.example\.net \(\[127\.0\.0\.1\]\) by mx\.example\.org with ESMTP id [0-9A-Z]{25} for <alice@example\.org>; [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000\r\nSubject: hello\r\n\r\n\.dot\r\nbody\r\n$/,
    );
    expect(content).toContain(`id ${id} `);
    expect(head).toMatchObject({
      envelope: { reversePath: 'bob@example.net', recipients: [{ address: 'alice@example.org' }], body: '7bit', smtputf8: false },
      origin: { kind: 'smtp', client: '127.0.0.1', helo: 'client.example.net' },
      hops: 0,
    });
    expect(head.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
  });

  test('carries its parameters in the envelope', async () => {
    const commands = `${HELLO}
      C: MAIL FROM:<bob@example.net> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B314
      S: 250
      C: RCPT TO:<alice@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;al+2Bice@example.org
      S: 250
      C: RCPT TO:<info@example.org> NOTIFY=NEVER
      S: 250
      C: RCPT TO:<alice@EXAMPLE.org> NOTIFY=DELAY
      S: 250`;
    const { head, content } = await send('relay', commands, 'Subject: \u00fc\r\n\r\nx');
    expect(head.envelope).toEqual({
      reversePath: 'bob@example.net',
      recipients: [
        { address: 'alice@EXAMPLE.org', notify: ['delay'] },
        { address: 'info@example.org', notify: ['never'] },
      ],
      body: '8bitmime',
      smtputf8: true,
      ret: 'hdrs',
      envid: 'QQ+314',
    });
    expect(content).toMatch(/with UTF8SMTP\r\n/);
    expect(content.split('\r\nSubject')[0]).not.toContain(' for ');
  });

  test('counts what it has passed through, and knows its Message-ID', async () => {
    const header = 'received: a\r\nRECEIVED: b\r\n c\r\nDelivered-To: x@example.org\r\nMessage-Id:\r\n <1@example.net>\r\nSubject: s';
    const { head } = await send('relay', RECIPIENT, `${header}\r\n\r\nReceived: body`);
    expect(head).toMatchObject({ hops: 2, deliveredTo: ['x@example.org'], messageId: '<1@example.net>' });
  });

  test('from HELO says so, and a hostile HELO name cannot add a line or a comment', async () => {
    const { content } = await send('relay', 'C: HELO a(b;c"d\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<postmaster>\nS: 250', 'x');
    expect(content).toMatch(/^Received: from a\?b\?c\?d \(\[127\.0\.0\.1\]\)\r\n\s+by mx\.example\.org with SMTP\r\n/);
  });

  test.each([100, 300_000])('of %i bytes arrives octet by octet, from hot or cold content', async (size) => {
    await using client = await ingress.dial();
    await client.transcript(DATA);
    const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => ![0, 10, 13].includes(octet)));
    const line = Buffer.concat([Buffer.from('.'), octets, Buffer.from('\r\n')]);
    const message = Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), ...Array<Buffer>(Math.ceil(size / line.length)).fill(line)]);
    client.sendRaw(Buffer.from(`${message.toString('latin1').replaceAll('\r\n.', '\r\n..')}.\r\n`, 'latin1'));
    const { content, head } = await ingress.message(await client.expect('250 2.0.0 *'));
    expect(content.slice(content.indexOf('Subject: x'))).toBe(message.toString('latin1'));
    expect(head.size).toBe(content.length);
  });

  test('may be empty', async () => {
    await using client = await ingress.dial();
    await client.transcript(DATA);
    const reply = await client.command('.', '250');
    expect((await ingress.message(reply)).content).toMatch(/\+0000\r\n$/);
  });

  test('can be sent with everything pipelined, twice', async () => {
    await using client = await ingress.dial();
    const one = ['MAIL FROM:<a@b>', 'RCPT TO:<alice@example.org>', 'DATA'];
    client.send('EHLO x', ...one, 'Subject: 1', '', '1', '.', ...one, 'Subject: 2', '', '2', '.', 'QUIT');
    await client.transcript('S: 250\nS: 250\nS: 250\nS: 354\nS: 250 2.0.0 *\nS: 250\nS: 250\nS: 354\nS: 250 2.0.0 *\nS: 221\nS: closed');
  });

  says('bad newlines are refused, and end the session', `${DATA}\nC: a\rb\nC: .\nS: 550 5.6.0 Message has a bare CR or LF: lines end with CR LF\nS: closed`);
  says('a NUL likewise', `${DATA}\nC: a\0b\nC: .\nS: 550 5.6.0 Message has a NUL\nS: closed`);
});

describe('lines', () => {
  test('bare LF ends the session', async () => {
    await using client = await ingress.dial();
    client.sendRaw('EHLO x\nMAIL FROM:<a@b>\n');
    await client.transcript('S: 500 5.5.2 Bare LF: lines end with CR LF\nS: closed');
  });
  test('bare CR and NUL are refused', async () => {
    await using client = await ingress.dial();
    client.sendRaw('EHLO x\rMAIL FROM:<a@b>\r\nNO\0OP\r\nNOOP\r\n');
    await client.transcript('S: 500 5.5.2 *\nS: 500 5.5.2 *\nS: 250');
  });
  test('an endless line ends the session', async () => {
    await using client = await ingress.dial();
    client.sendRaw('x'.repeat(100_000));
    await client.transcript('S: 500 5.5.2 Line too long\nS: closed');
  });
  test('speaking before the greeting ends the session', async () => {
    await using client = await ingress.dial('proxied');
    client.sendRaw('PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\nEHLO x\r\n');
    await client.transcript('S: 554 5.5.1 Protocol error: you spoke before the greeting\nS: closed');
  });
});
