// Opening connections: greetings, HELO, TLS opportunistic and verified, AUTH.
import { describe, expect, test } from 'vitest';
import { privateAuthority } from '#shared/testing/certificate.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { startSink } from '#shared/testing/sink.ts';
import { DROP, HANG } from '#shared/testing/sink-script.ts';
import { opened, optionsFor, rawServer, requestTo } from './client.fixture.ts';
import { GOODBYE } from './connection.ts';
import { type ConnectionOptions, openConnection } from './open-connection.ts';

async function refusal(port: number, more: Partial<ConnectionOptions> = {}) {
  const result = await openConnection(optionsFor(port, more));
  if (result.kind === 'open') {
    await result.connection.quit();
    throw new Error('it was opened');
  }
  return result.outcome;
}

describe('a host that does not take us', () => {
  test('refuses the connection', async () => {
    expect(await refusal(await freePort())).toMatchObject({
      kind: 'delayed',
      scope: 'site',
      status: '4.4.1',
      diagnostic: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test.each([
    ['421 4.3.2 Busy', 'delayed', '4.3.2'],
    ['450 no', 'delayed', '4.0.0'],
    ['554 5.7.1 Bad reputation', 'delayed', '4.7.1'],
    ['521 5.3.2 No mail here', 'failed', '5.3.2'],
  ])('greets with %s', async (greeting, kind, status) => {
    await using sink = await startSink({ tls: 'none', script: { connect: () => greeting } });
    expect(await refusal(sink.port)).toMatchObject({ kind, status });
    expect(sink.connections[0]?.commands).not.toContain('EHLO relay.example.org');
  });

  test('never greets', async () => {
    await using sink = await startSink({ tls: 'none', script: { connect: () => HANG } });
    expect(await refusal(sink.port, { timeouts: { connect: 1000, greeting: 100, command: 1000, data: 1000 } })).toMatchObject({
      scope: 'site',
      status: '4.4.2',
    });
  });

  test('refuses, and leaves the connection open: nobody waits for its end', async () => {
    await using server = await rawServer((socket) => void socket.write('554 no\r\n'));
    const before = performance.now();
    expect(await refusal(server.port)).toMatchObject({ kind: 'delayed', status: '4.0.0' });
    expect(performance.now() - before).toBeLessThan(GOODBYE / 2);
  });

  test('closes at once', async () => {
    await using sink = await startSink({ tls: 'none', script: { connect: () => DROP } });
    expect(await refusal(sink.port)).toMatchObject({ scope: 'site', status: '4.4.2' });
  });
});

test('EHLO unknown: HELO (RFC 5321 section 3.2)', async () => {
  await using sink = await startSink({ tls: 'none', script: { command: (line) => (line.startsWith('EHLO') ? '502 5.5.1 What?' : undefined) } });
  const connection = await opened(sink.port);
  expect(connection.offered.pipelining).toBe(false);
  expect((await connection.send(requestTo(['a@example.net']))).results[0]).toMatchObject({ kind: 'relayed', dsnHonoured: false });
  await connection.quit();
});

describe('opportunistic TLS', () => {
  const tls = { mode: 'opportunistic' } as const;

  test('takes any certificate and says that it was not verified', async () => {
    await using sink = await startSink();
    const connection = await opened(sink.port, { tls });
    expect(connection.facts.tls).toMatchObject({ version: 'TLSv1.3', verified: false });
    expect((await connection.send(requestTo(['a@example.net']))).results[0]).toMatchObject({ kind: 'relayed', tls: { verified: false } });
    expect(sink.messages[0]?.connection.encrypted).toBe(true);
    await connection.quit();
  });

  test('forgets what was offered in the clear (RFC 3207 section 4.2)', async () => {
    await using sink = await startSink();
    const connection = await opened(sink.port, { tls });
    expect(sink.connections[0]?.commands).toEqual(['EHLO relay.example.org', 'STARTTLS', 'EHLO relay.example.org']);
    await connection.quit();
  });

  test('goes on in the clear, on a new connection, when the handshake fails (RFC 7435)', async () => {
    await using server = await rawServer((socket, lines) => {
      socket.write('220 x\r\n');
      lines((line) => {
        if (line.startsWith('EHLO')) socket.write('250-x\r\n250 STARTTLS\r\n');
        else if (line === 'STARTTLS') socket.write('220 go\r\n', () => socket.once('data', () => socket.end('not TLS at all, never was\r\n')));
      });
    });
    const connection = await opened(server.port, { tls });
    expect(connection.facts.tls).toBeUndefined();
    connection.abort('done');
  });

  test('ends the connection when something in the clear follows the reply to STARTTLS', async () => {
    await using server = await rawServer((socket, lines) => {
      socket.write('220 x\r\n');
      lines((line) => {
        if (line.startsWith('EHLO')) socket.write('250-x\r\n250 STARTTLS\r\n');
        else if (line === 'STARTTLS') socket.write('220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n');
      });
    });
    expect(await refusal(server.port, { tls })).toMatchObject({ kind: 'delayed', scope: 'site', status: '4.4.2' });
  });

  test('goes on in the clear when STARTTLS is refused', async () => {
    await using sink = await startSink({ script: { command: (line) => (line === 'STARTTLS' ? '454 4.7.0 Not now' : undefined) } });
    const connection = await opened(sink.port, { tls });
    expect(connection.facts.tls).toBeUndefined();
    expect((await connection.send(requestTo(['a@example.net']))).results[0]?.kind).toBe('relayed');
    await connection.quit();
  });
});

describe('verified TLS', () => {
  test('with a private authority, AUTH PLAIN after it (RFC 4954 section 4, RFC 4616 section 2)', async () => {
    const authority = await privateAuthority();
    const certificate = await authority.issue({ names: ['localhost'] });
    await using sink = await startSink({ certificate, extensions: ['PIPELINING', 'AUTH LOGIN PLAIN'] });
    const connection = await opened(sink.port, { tls: { mode: 'verify', ca: authority.cert }, credentials: { user: 'me', password: 's:cret' } });
    expect(connection.facts.tls?.verified).toBe(true);
    expect(sink.connections[0]?.authentication).toBe('\0me\0s:cret');
    await connection.quit();
  });

  test('implicit (RFC 8314 section 3.3), AUTH LOGIN after it', async () => {
    const authority = await privateAuthority();
    const certificate = await authority.issue({ names: ['localhost'] });
    await using sink = await startSink({ certificate, tls: 'implicit', extensions: ['AUTH LOGIN'] });
    const connection = await opened(sink.port, { tls: { mode: 'implicit', ca: authority.cert }, credentials: { user: 'me', password: 'secret' } });
    expect(sink.connections[0]?.authentication).toBe('me\0secret');
    expect((await connection.send(requestTo(['a@example.net']))).results[0]?.kind).toBe('relayed');
    await connection.quit();
  });

  test('resumes its session', async () => {
    const authority = await privateAuthority();
    const certificate = await authority.issue({ names: ['localhost'] });
    await using sink = await startSink({ certificate });
    const options = optionsFor(sink.port, { tls: { mode: 'verify', ca: authority.cert } });
    for (let turn = 0; turn < 2; turn++) {
      const result = await openConnection(options);
      if (result.kind !== 'open') throw new Error(result.outcome.diagnostic);
      await result.connection.send(requestTo(['a@example.net']));
      expect(result.connection.facts.tls?.verified).toBe(true);
      await result.connection.quit();
    }
    expect(options.sessions.get()).toBeInstanceOf(Buffer);
  });

  test.each([
    ['another authority', ['localhost'], true],
    ['another name', ['other.example'], false],
  ])('refuses %s and sends nothing', async (_, names, foreign) => {
    const [authority, other] = await Promise.all([privateAuthority(), privateAuthority()]);
    await using sink = await startSink({ certificate: await authority.issue({ names }), extensions: ['AUTH PLAIN'] });
    const tls = { mode: 'verify', ca: foreign ? other.cert : authority.cert } as const;
    expect(await refusal(sink.port, { tls, credentials: { user: 'me', password: 'secret' } })).toMatchObject({
      kind: 'delayed',
      scope: 'site',
      status: '4.7.5',
    });
    expect(sink.connections.map(({ authentication }) => authentication)).toEqual([undefined]);
  });

  test('refuses a host without STARTTLS', async () => {
    await using sink = await startSink({ tls: 'none' });
    expect(await refusal(sink.port, { tls: { mode: 'verify' } })).toMatchObject({ scope: 'site', status: '4.7.4' });
  });
});

test.each(['none', 'opportunistic'] as const)('credentials are never sent with TLS mode %s', async (mode) => {
  await using sink = await startSink({ extensions: ['AUTH PLAIN'] });
  const outcome = await refusal(sink.port, { tls: { mode }, credentials: { user: 'me', password: 'secret' } });
  expect(outcome).toMatchObject({ kind: 'delayed', status: '4.7.4' });
  expect(sink.connections.flatMap(({ commands }) => commands).join()).not.toContain('AUTH');
});
