// Mail transactions against a real server on a real socket: who gets which outcome, and what is left of the connection.
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startSink } from '#shared/testing/sink.ts';
import { DROP, HANG } from '#shared/testing/sink-script.ts';
import { CONTENT, opened, rawServer, requestTo } from './client.fixture.ts';

const TO = ['a@example.net', 'b@example.net', 'c@example.net'];
const PLAIN = ['PIPELINING', 'SIZE 1000', 'ENHANCEDSTATUSCODES'];
const kinds = (results: readonly { readonly kind: string }[]) => results.map(({ kind }) => kind);

describe('a message', () => {
  test('goes to all recipients in one pipelined transaction, its dots intact', async () => {
    await using sink = await startSink({ tls: 'none' });
    const connection = await opened(sink.port);
    const { results, committed, loss } = await connection.send(requestTo(TO));
    expect(kinds(results)).toEqual(['relayed', 'relayed', 'relayed']);
    expect({ committed, loss }).toEqual({ committed: true, loss: null });
    expect(results[0]).toMatchObject({ dsnHonoured: true, host: 'localhost', address: '127.0.0.1', reply: { code: 250, enhanced: '2.0.0' } });
    expect(sink.messages[0]?.content).toEqual(CONTENT);
    expect(sink.messages[0]?.recipients.map(({ path }) => path)).toEqual(TO);
    await connection.quit();
    expect(sink.connections[0]?.commands.at(-1)).toBe('QUIT');
  });

  test('goes command by command where PIPELINING is not offered', async () => {
    await using sink = await startSink({ tls: 'none', extensions: [] });
    const connection = await opened(sink.port);
    for (let turn = 0; turn < 2; turn++) expect(kinds((await connection.send(requestTo(TO))).results)).toEqual(['relayed', 'relayed', 'relayed']);
    expect(sink.messages).toHaveLength(2);
    await connection.quit();
  });

  test.each([true, false])('goes to those that are accepted when others are refused (pipelining: %s)', async (pipelining) => {
    const rcpt = (path: string) => (path.startsWith('a') ? '550 5.1.1 Unknown' : path.startsWith('b') ? '450 4.2.0 Greylisted' : undefined);
    await using sink = await startSink({ tls: 'none', extensions: pipelining ? PLAIN : [], script: { rcpt } });
    const connection = await opened(sink.port);
    const { results } = await connection.send(requestTo(TO));
    expect(results).toMatchObject([
      { kind: 'failed', status: '5.1.1', reply: { code: 550 } },
      { kind: 'delayed', scope: 'recipient', status: '4.2.0' },
      { kind: 'relayed', dsnHonoured: false },
    ]);
    expect(sink.messages[0]?.recipients.map(({ path }) => path)).toEqual(['c@example.net']);
    await connection.quit();
  });

  test.each([true, false])('is not sent when all are refused, and the connection serves the next (pipelining: %s)', async (pipelining) => {
    await using sink = await startSink({ tls: 'none', extensions: pipelining ? PLAIN : [], script: { rcpt: () => '550 5.1.1 Unknown' } });
    const connection = await opened(sink.port);
    expect(kinds((await connection.send(requestTo(TO))).results)).toEqual(['failed', 'failed', 'failed']);
    sink.behave({});
    expect(kinds((await connection.send(requestTo(TO))).results)).toEqual(['relayed', 'relayed', 'relayed']);
    expect(sink.messages).toHaveLength(1);
    expect(sink.connections[0]?.commands).toContain('RSET');
    await connection.quit();
  });

  test('whose sender is refused fails for all', async () => {
    await using sink = await startSink({ tls: 'none', script: { mail: () => '550 5.7.1 Not you' } });
    const connection = await opened(sink.port);
    const { results, loss } = await connection.send(requestTo(TO));
    expect(results).toMatchObject(TO.map(() => ({ kind: 'failed', status: '5.7.1' })));
    expect(loss).toBeNull();
    await connection.quit();
  });

  test.each(['554 5.6.0 Spam', '451 4.7.1 Later'])('refused after the final dot: %s', async (reply) => {
    await using sink = await startSink({ tls: 'none', script: { message: () => reply } });
    const connection = await opened(sink.port);
    const { results, loss } = await connection.send(requestTo(TO));
    expect(results[1]).toMatchObject({ kind: reply.startsWith('5') ? 'failed' : 'delayed', status: reply.slice(4, 9) });
    expect(loss).toBeNull();
    await connection.quit();
  });

  test('with more recipients than the next hop takes at once goes on in the next transaction (RFC 5321 section 4.5.3.1.10)', async () => {
    let accepted = 0;
    await using sink = await startSink({
      tls: 'none',
      script: {
        mail: () => {
          accepted = 0;
          return undefined;
        },
        rcpt: () => (accepted++ < 2 ? undefined : '452 4.5.3 Too many'),
      },
    });
    const connection = await opened(sink.port);
    expect(kinds((await connection.send(requestTo(TO))).results)).toEqual(['relayed', 'relayed', 'next-transaction']);
    await connection.quit();
  });

  test('452 for the first recipient is its own delay, 552 is read as 452', async () => {
    await using sink = await startSink({ tls: 'none', script: { rcpt: (path) => (path.startsWith('a') ? '552 5.2.2 Full' : undefined) } });
    const connection = await opened(sink.port);
    const { results } = await connection.send(requestTo(TO));
    const full = { kind: 'delayed', scope: 'recipient', status: '4.2.2', reply: { code: 552 }, diagnostic: expect.stringContaining('said: 552 5.2.2 Full') };
    expect(results).toMatchObject([full, { kind: 'relayed' }, { kind: 'relayed' }]);
    await connection.quit();
  });

  test('with nobody accepted and 354 all the same gets a lone dot (RFC 2920 section 3.1)', async () => {
    const seen: string[] = [];
    await using server = await rawServer((socket, lines) => {
      socket.write('220 x\r\n');
      lines((line) => {
        seen.push(line);
        if (line.startsWith('EHLO')) socket.write('250-x\r\n250 PIPELINING\r\n');
        else if (line.startsWith('MAIL')) socket.write('250 ok\r\n');
        else if (line.startsWith('RCPT')) socket.write('550 no\r\n');
        else if (line === 'DATA') socket.write('354 go\r\n');
        else if (line === '.') socket.write('554 nobody\r\n');
      });
    });
    const connection = await opened(server.port);
    const { results, committed } = await connection.send(requestTo(TO));
    expect(kinds(results)).toEqual(['failed', 'failed', 'failed']);
    expect(committed).toBe(false);
    expect(seen.slice(-2)).toEqual(['DATA', '.']);
    connection.abort('done');
  });
});

describe('a connection lost', () => {
  test('between the final dot and its reply leaves the message in doubt', async () => {
    await using sink = await startSink({ tls: 'none', script: { message: () => DROP } });
    const connection = await opened(sink.port);
    const { results, committed } = await connection.send(requestTo(TO));
    expect(results[0]).toMatchObject({ kind: 'delayed', inDoubt: true, status: '4.4.2' });
    expect(committed).toBe(true);
    expect(connection.usable).toBe(false);
  });

  test('before the final dot leaves no doubt, and what was refused stays refused', async () => {
    const rcpt = (path: string) => (path.startsWith('a') ? '550 5.1.1 Unknown' : undefined);
    await using sink = await startSink({ tls: 'none', script: { rcpt, data: () => DROP } });
    const connection = await opened(sink.port);
    const { results, committed } = await connection.send(requestTo(TO));
    expect(kinds(results)).toEqual(['failed', 'delayed', 'delayed']);
    expect(results[1]).not.toHaveProperty('inDoubt');
    expect(committed).toBe(false);
  });

  test('by 421 in the middle delays who has no outcome yet (RFC 5321 section 3.8)', async () => {
    await using sink = await startSink({ tls: 'none', script: { rcpt: (path) => (path.startsWith('b') ? '421 4.3.2 Closing' : undefined) } });
    const connection = await opened(sink.port);
    const { results, loss } = await connection.send(requestTo(TO));
    expect(results).toMatchObject(TO.map(() => ({ kind: 'delayed', status: '4.3.2', reply: { code: 421 } })));
    expect(loss).not.toBeNull();
  });

  test.each(['mail', 'data', 'message'] as const)('by time-out at %s', async (stage) => {
    await using sink = await startSink({ tls: 'none', script: { [stage]: () => HANG } });
    const connection = await opened(sink.port, { timeouts: { connect: 2000, greeting: 2000, command: 100, data: 150 } });
    const { results, loss } = await connection.send(requestTo(TO));
    expect(loss?.reason).toBe('timeout');
    expect(results[0]).toMatchObject({ kind: 'delayed', status: '4.4.2' });
    expect('inDoubt' in (results[0] ?? {})).toBe(stage === 'message');
  });

  test('by garbage', async () => {
    await using sink = await startSink({ tls: 'none', script: { mail: () => 'HTTP/1.1 200 OK' } });
    const connection = await opened(sink.port);
    const { results, loss } = await connection.send(requestTo(TO));
    expect(loss?.reason).toBe('garbage');
    expect(results[0]).toMatchObject({ kind: 'delayed', status: '4.5.0' });
  });

  test('while idle is noticed before the next message', async () => {
    await using sink = await startSink({ tls: 'none' });
    const connection = await opened(sink.port);
    await sink.refuse();
    await eventually(() => !connection.usable);
  });
});

describe('the lease', () => {
  test.each([CONTENT, Buffer.alloc(100_000, 'x\r\n')])('that is over gives the message up before the final dot', async (content) => {
    await using sink = await startSink({ tls: 'none' });
    const connection = await opened(sink.port);
    const { results, committed, loss } = await connection.send(requestTo(TO, { content, mayCommit: () => false }));
    expect(results[0]).toMatchObject({ kind: 'delayed', status: '4.3.2' });
    expect({ committed, reason: loss?.reason }).toEqual({ committed: false, reason: 'aborted' });
    await eventually(() => sink.openConnections === 0);
    expect(sink.messages).toHaveLength(0);
  });
});

describe('large content', () => {
  const large = Buffer.from(`Subject: large\r\n\r\n${`${'x'.repeat(700)}\r\n.dot\r\n`.repeat(4000)}`);
  const stream = () =>
    Readable.from(
      (function* () {
        for (let at = 0; at < large.length; at += 65_521) yield large.subarray(at, at + 65_521);
      })(),
    );

  test.each(['none', 'opportunistic'] as const)('streams with backpressure and arrives as it was (TLS: %s)', async (mode) => {
    await using sink = await startSink();
    const connection = await opened(sink.port, { tls: { mode } });
    for (const content of [stream(), large])
      expect(kinds((await connection.send(requestTo(TO, { content, size: large.length }))).results)).toEqual(['relayed', 'relayed', 'relayed']);
    for (const message of sink.messages) expect(message.content.equals(large)).toBe(true);
    await connection.quit();
  });

  test('that cannot be read to its end is never ended by a dot', async () => {
    await using sink = await startSink({ tls: 'none' });
    const connection = await opened(sink.port);
    const broken = Readable.from(
      (function* () {
        yield CONTENT;
        throw new Error('disk gone');
      })(),
    );
    await expect(connection.send(requestTo(TO, { content: broken }))).rejects.toThrow('disk gone');
    await eventually(() => sink.openConnections === 0);
    expect(sink.messages).toHaveLength(0);
  });

  test('refused while it streams has that reply as its outcome', async () => {
    await using server = await rawServer((socket, lines) => {
      socket.write('220 x\r\n');
      let content = false;
      lines((line) => {
        if (content) socket.end('552 5.3.4 Too big\r\n');
        else if (line.startsWith('EHLO')) socket.write('250-x\r\n250 PIPELINING\r\n');
        else if (line === 'DATA') socket.write('354 go\r\n');
        else socket.write('250 ok\r\n');
        content ||= line === 'DATA';
      });
    });
    const connection = await opened(server.port);
    const endless = Readable.from(
      (async function* () {
        for (;;) yield Buffer.alloc(65_536, 'line\r\n');
      })(),
    );
    const { results } = await connection.send(requestTo(TO, { content: endless }));
    expect(results[0]?.kind).toMatch(/failed|delayed/);
    expect(results[0]).not.toHaveProperty('inDoubt');
    expect(endless.destroyed).toBe(true);
  });
});

describe('what the next hop does not take fails here', () => {
  const eightBit = Buffer.from('Subject: x\r\n\r\ngr\u00fcn\r\n');
  const utf8Header = Buffer.from('Subject: gr\u00fcn\r\n\r\nx\r\n');
  const cases = [
    { name: 'content over SIZE (RFC 1870 section 6.3)', extensions: PLAIN, more: { size: 1001 }, status: '5.3.4' },
    { name: '8-bit content without 8BITMIME (RFC 6152 section 3)', extensions: PLAIN, more: { content: eightBit, body: '8bitmime' }, status: '5.6.3' },
    { name: 'a stream of 8-bit content without 8BITMIME', extensions: PLAIN, more: { content: Readable.from([eightBit]) }, status: '5.6.3' },
    {
      name: 'UTF-8 header fields without SMTPUTF8 (RFC 6531 section 3.5)',
      extensions: ['8BITMIME'],
      more: { content: utf8Header, smtputf8: true },
      status: '5.6.7',
    },
    {
      name: 'an internationalised reverse-path without SMTPUTF8',
      extensions: ['8BITMIME'],
      more: { reversePath: 'gr\u00fcn@example.org', smtputf8: true },
      status: '5.6.7',
    },
    { name: 'an address that would be two lines', extensions: PLAIN, more: { reversePath: 'a@b\r\nRSET' }, status: '5.1.7' },
  ] as const;

  test.each(cases)('$name: $status', async ({ extensions, more, status }) => {
    await using sink = await startSink({ tls: 'none', extensions });
    const connection = await opened(sink.port);
    const { results } = await connection.send(requestTo(TO, more));
    expect(results).toMatchObject(TO.map(() => ({ kind: 'failed', status })));
    expect(sink.messages).toHaveLength(0);
    connection.abort('done');
  });

  test('one internationalised recipient fails alone, a domain alone goes as A-labels', async () => {
    await using sink = await startSink({ tls: 'none', extensions: PLAIN });
    const connection = await opened(sink.port);
    const { results } = await connection.send(
      requestTo(['gr\u00fcn@example.net', 'a@b\u00fccher.example', 'x y@example.net', 'c@example.net'], { smtputf8: true }),
    );
    expect(results).toMatchObject([{ kind: 'failed', status: '5.6.7' }, { kind: 'relayed' }, { kind: 'failed', status: '5.1.3' }, { kind: 'relayed' }]);
    expect(sink.messages[0]?.recipients.map(({ path }) => path)).toEqual(['a@xn--bcher-kva.example', 'c@example.net']);
    await connection.quit();
  });

  test('what it does take is declared: BODY=8BITMIME, SMTPUTF8, SIZE and the DSN parameters', async () => {
    await using sink = await startSink({ tls: 'none' });
    const connection = await opened(sink.port);
    const recipients = [{ address: 'a@example.net', notify: ['success'], orcpt: 'rfc822;a@example.org' }] as const;
    const { results } = await connection.send(requestTo([], { recipients, content: utf8Header, smtputf8: true, ret: 'full', envid: 'E' }));
    expect(results).toMatchObject([{ kind: 'relayed', dsnHonoured: true }]);
    const [message] = sink.messages;
    expect(Object.fromEntries(message?.parameters ?? [])).toEqual({ SIZE: String(utf8Header.length), BODY: '8BITMIME', SMTPUTF8: '', RET: 'FULL', ENVID: 'E' });
    expect(Object.fromEntries(message?.recipients[0]?.parameters ?? [])).toEqual({ NOTIFY: 'SUCCESS', ORCPT: 'rfc822;a@example.org' });
    await connection.quit();
  });
});
