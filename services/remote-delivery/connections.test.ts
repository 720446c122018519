// Which host is tried when, and how long a connection is kept.
import { describe, expect, test } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startSink } from '#shared/testing/sink.ts';
import { type ConnectionSettings, Connections } from './connections.ts';
import type { NextHop } from './next-hop.ts';
import { requestTo } from './smtp-client/client.fixture.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';

const SITE = 'dns/mx.example.net';
const settings: ConnectionSettings = {
  hostname: 'relay.example.org',
  idleTimeout: 10_000,
  timeouts: { connect: 1_000, greeting: 1_000, command: 1_000, data: 1_000 },
};

function pool(more: Partial<ConnectionSettings> = {}, random = Math.random) {
  const connections = new Connections(() => ({ ...settings, ...more }), systemClock, random);
  return { connections, [Symbol.asyncDispose]: () => connections.close() };
}

function hop(port: number, ...hosts: readonly (readonly [preference: number, ...addresses: string[]])[]): NextHop {
  return {
    hosts: hosts.map(([preference, ...addresses]) => ({ name: `mx${preference}`, preference, addresses })),
    port,
    tls: { mode: 'none' },
    publicOnly: false,
  };
}

async function open(connections: Connections, to: NextHop): Promise<SmtpConnection> {
  const opened = await connections.open(SITE, to);
  if (opened.kind === 'refused') throw new Error(opened.outcome.diagnostic);
  return opened.connection;
}

describe('hosts', () => {
  test('are tried by preference, at random within one (RFC 5321 section 5.1)', async () => {
    await using sink = await startSink({ host: '0.0.0.0', tls: 'none' });
    const seen = new Set<string | undefined>();
    for (const chances of [
      [0, 0, 0.1, 0.9],
      [0, 0, 0.9, 0.1],
    ]) {
      await using part = pool({}, () => chances.shift() ?? 0);
      const connection = await open(part.connections, hop(sink.port, [10, '127.0.0.1'], [10, '127.0.0.2'], [5, '127.0.0.3'], [5, '127.0.0.4']));
      seen.add(connection.facts.address);
      await connection.quit();
    }
    expect(seen.size).toBe(2);
    expect([...seen].every((address) => address === '127.0.0.3' || address === '127.0.0.4')).toBe(true);
  });

  test('that failed are tried last for a while, all their addresses before the next host', async () => {
    await using sink = await startSink({ host: '127.0.0.3', tls: 'none' });
    await using part = pool();
    const to = hop(sink.port, [1, '127.0.0.1', '127.0.0.2'], [2, '127.0.0.3']);
    await (await open(part.connections, to)).quit();
    expect(part.connections.avoided(SITE)).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(part.connections.avoided('dns/other')).toEqual([]);
    await (await open(part.connections, to)).quit();
    expect(sink.connections).toHaveLength(2);
  });

  test('of which none answers leave the last failure, and no more than five are asked', async () => {
    await using sink = await startSink({ host: '127.0.0.9', tls: 'none' });
    await using part = pool();
    const dead = [1, 2, 3, 4, 5].map((at) => [at, `127.0.0.${at}`] as const);
    const opened = await part.connections.open(SITE, hop(sink.port, ...dead, [9, '127.0.0.9']));
    expect(opened).toMatchObject({ kind: 'refused', outcome: { kind: 'delayed', scope: 'site', status: '4.4.1', address: '127.0.0.5' } });
    expect(part.connections.avoided(SITE)).toHaveLength(5);
  });

  test('that all say 521 end the mail, one that may come back does not (RFC 7504 section 4)', async () => {
    await using never = await startSink({ host: '127.0.0.1', tls: 'none', script: { connect: () => '521 No mail here' } });
    await using later = await startSink({ host: '127.0.0.2', port: never.port, tls: 'none', script: { connect: () => '421 Later' } });
    await using part = pool();
    expect(await part.connections.open(SITE, hop(never.port, [1, '127.0.0.1']))).toMatchObject({ outcome: { kind: 'failed' } });
    expect(await part.connections.open(SITE, hop(later.port, [1, '127.0.0.2'], [2, '127.0.0.1']))).toMatchObject({ outcome: { kind: 'delayed' } });
  });
});

describe('a connection', () => {
  test('is kept and used again by the same site only', async () => {
    await using sink = await startSink({ tls: 'none' });
    await using part = pool();
    const connection = await open(part.connections, hop(sink.port, [1, '127.0.0.1']));
    part.connections.release(SITE, connection, 10);
    expect(part.connections.take('dns/other')).toBeNull();
    expect(part.connections.take(SITE)).toBe(connection);
    expect(part.connections.take(SITE)).toBeNull();
    await connection.quit();
  });

  test('is closed after its messages', async () => {
    await using sink = await startSink({ tls: 'none' });
    await using part = pool();
    const connection = await open(part.connections, hop(sink.port, [1, '127.0.0.1']));
    await connection.send(requestTo(['a@example.net']));
    part.connections.release(SITE, connection, 1);
    expect(part.connections.take(SITE)).toBeNull();
    await eventually(() => sink.openConnections === 0);
    expect(sink.connections[0]?.commands.at(-1)).toBe('QUIT');
  });

  test('is closed when idle, and when the pool is', async () => {
    await using sink = await startSink({ tls: 'none' });
    const part = pool({ idleTimeout: 60 });
    const to = hop(sink.port, [1, '127.0.0.1']);
    part.connections.release(SITE, await open(part.connections, to), 10);
    await eventually(() => sink.openConnections === 0);
    const late = await open(part.connections, to);
    await part.connections.close();
    part.connections.release(SITE, late, 10);
    await eventually(() => sink.openConnections === 0);
    expect(sink.connections.map(({ commands }) => commands.at(-1))).toEqual(['QUIT', 'QUIT']);
  });

  test('that the other side closed is not given out', async () => {
    await using sink = await startSink({ tls: 'none' });
    await using part = pool();
    const connection = await open(part.connections, hop(sink.port, [1, '127.0.0.1']));
    part.connections.release(SITE, connection, 10);
    await sink.refuse();
    await eventually(() => !connection.usable);
    expect(part.connections.take(SITE)).toBeNull();
  });
});
