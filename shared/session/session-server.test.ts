// The server under IMAP and POP3, with a protocol of five words: lines are echoed, the rest is what the life of a connection needs.
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type AccessLimits, type AccessListenerConfig, schema } from '#shared/config/schema.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { ClientConnection } from './client-connection.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { Doors } from './doors.ts';
import { SessionServer, type SessionServerOptions } from './session-server.ts';
import { type LineDialogueOptions, openLineDialogue } from './testing/line-dialogue.ts';
import type { TlsMaterial } from './tls.ts';

const lines: string[] = [];
const log = createLogger('debug', { write: (line: string) => void lines.push(line) });
const opened: Doors<AccessListenerConfig, SessionServer>[] = [];
let now = 0;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((doors) => doors.drain(AbortSignal.abort())));
  lines.length = 0;
});

async function material(names?: readonly string[]): Promise<TlsMaterial> {
  const { cert, key } = await selfSigned(names ? { names } : {});
  return { cert: Buffer.from(cert), key: Buffer.from(key), minVersion: 'TLSv1.2' };
}

async function echo(connection: ClientConnection, server: SessionServer): Promise<void> {
  connection.patience = 1000;
  connection.write(`hello ${connection.address}${connection.addressKnown ? '' : '?'}\r\n`);
  for (;;) {
    const line = await connection.readLine(100, true);
    if (line.kind !== 'line') return connection.write(`${line.kind}\r\n`);
    const [word, length = '0'] = line.bytes.toString('latin1').split(' ');
    if (word === 'QUIT') return connection.write('bye\r\n');
    if (word === 'BUG') throw new Error('a bug');
    if (word === 'TLS' && server.starttls) {
      if (!(await connection.upgrade('go\r\n', server.starttls, 1000))) return;
    } else if (word === 'TAKE') {
      let taken = 0;
      for await (const chunk of connection.readBytes(Number(length))) taken += chunk.length;
      connection.write(`took ${taken}\r\n`);
    } else if (word === 'LAST') {
      connection.patience = 60_000;
      connection.write(Buffer.alloc(Number(length)));
      return connection.write('bye\r\n');
    } else if (word === 'MUCH') {
      for (let sent = 0; sent < Number(length) && !connection.closed.aborted; sent += 65_536) {
        connection.write(Buffer.alloc(65_536));
        await connection.flush();
      }
    } else connection.write(`${line.bytes.toString('latin1')}${server.passwordsAllowed(connection) ? ' safe' : ''}\r\n`);
  }
}

async function serve(listener: Partial<AccessListenerConfig> = {}, limits: Partial<AccessLimits> = {}, tls?: TlsMaterial) {
  const counts = new ConnectionCounts();
  const certificate = tls ?? (await material());
  const make = (config: AccessListenerConfig) => new SessionServer(optionsOf(config, counts, limits), certificate);
  const doors = new Doors({ setting: 'echo.listeners', make });
  await doors.change([{ ...LISTENER, ...listener }]);
  opened.push(doors);
  const [server] = doors.entrances as [SessionServer];
  const { port } = doors.places[0] as { port: number };
  return { doors, server, port, dial: (options: Partial<LineDialogueOptions> = {}) => openLineDialogue({ port, ...options }) };
}

const LISTENER: AccessListenerConfig = {
  address: '127.0.0.1',
  port: 0,
  tls: 'starttls',
  proxy_protocol: false,
  proxy_from: ['127.0.0.0/8'],
  behind_proxy: false,
  clear_passwords: false,
};

function optionsOf(listener: AccessListenerConfig, counts: ConnectionCounts, limits: Partial<AccessLimits>): SessionServerOptions {
  return {
    label: 'echo',
    listener,
    counts,
    limits: () => ({ ...schema.parse({}).pop3.limits, ...limits }),
    clock: { now: () => 0, monotonic: () => now },
    log,
    metrics: createMetrics(),
    serve: echo,
    refusal: (why) => `too many ${why}\r\n`,
  };
}

test('lines are answered in order, in one write when they came in one, and after the client closed its side', async () => {
  const { dial } = await serve();
  await using client = await dial();
  client.sendRaw('a\r\nb\r\nc');
  await client.transcript('S: hello 127.0.0.1\nS: a\nS: b\nC: d\nS: cd');
  client.send('last', 'QUIT');
  client.finish();
  await client.transcript('S: last\nS: bye\nS: closed');
});

test('a line that is too long, malformed or late is a value of its own', async () => {
  const { dial } = await serve();
  for (const [sent, answer] of [
    ['x'.repeat(101), 'too-long'],
    ['a\n', 'bare-lf'],
    ['a\0\r\n', 'bare-control'],
  ] as const) {
    await using client = await dial();
    client.sendRaw(sent);
    await client.transcript(`S: hello *\nS: ${answer}\nS: closed`);
  }
  await using late = await dial();
  await late.expect('hello *');
  late.sendRaw('trickle');
  now += 1001;
  await late.transcript('S: timeout\nS: closed');
});

test('counted bytes may come in any pieces, and one that breaks off ends the session', async () => {
  const { dial } = await serve();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }), async (pieces) => {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      await using client = await dial();
      client.sendRaw(`TAKE ${length}\r\n`);
      for (const piece of pieces) client.sendRaw(piece);
      client.sendRaw('after\r\n');
      await client.transcript(`S: hello *\nS: took ${length}\nS: after`);
    }),
    { numRuns: 30 },
  );
  await using client = await dial();
  client.sendRaw('TAKE 5\r\n123');
  client.finish();
  await client.transcript('S: hello *\nS: closed');
});

describe('TLS', () => {
  test('begins with the command, and drops what was sent with it', async () => {
    const { dial } = await serve();
    await using client = await dial();
    client.send('word', 'TLS', 'injected');
    await client.transcript('S: hello *\nS: word\nS: go');
    await client.startTls();
    await client.transcript('C: x\nS: x safe\nC: QUIT\nS: bye\nS: closed');
  });

  test('may be implicit, and takes a new certificate', async () => {
    const { dial, server } = await serve({ tls: 'implicit' });
    await using client = await dial({ tls: {} });
    await client.transcript('S: hello *\nC: x\nS: x safe');
    const fresh = await material(['new.example.org']);
    server.reload(fresh);
    await using again = await dial({ tls: { ca: fresh.cert, rejectUnauthorized: true, servername: 'new.example.org' } });
    await again.expect('hello *');
    await client.transcript('C: y\nS: y safe');
    client.send('MUCH 3000000', 'QUIT');
    await client.bytes(3_014_656);
    await client.transcript('S: bye\nS: closed');
  });

  test('that never comes, or is none, ends the connection', async () => {
    const { port } = await serve({ tls: 'implicit' });
    await using nonsense = await openLineDialogue({ port });
    nonsense.send('GET / HTTP/1.1');
    await eventually(() => nonsense.transcript('S: closed').then(() => true));
    await using silent = await openLineDialogue({ port });
    silent.sendRaw(Buffer.from('16030102000100', 'hex'));
    const trip = setInterval(() => {
      now += 31_000;
    }, 100);
    await silent.closed();
    clearInterval(trip);
  });
});

test('passwords without TLS are for clients on this host, where the operator allows it', async () => {
  const { dial } = await serve({ clear_passwords: true });
  await using client = await dial();
  await client.transcript('S: hello *\nC: x\nS: x safe');
  const proxied = await serve({ clear_passwords: true, behind_proxy: true });
  await using other = await proxied.dial();
  await other.transcript('S: hello 127.0.0.1?\nC: x\nS: x');
});

test('PROXY says who the client is; whoever does not say it is sent away', async () => {
  const { dial } = await serve({ proxy_protocol: true, clear_passwords: true }, { connections_per_client: 1 });
  await using client = await dial();
  client.sendRaw('PROXY TCP6 2001:db8::1 ::1 4711 110\r\nx\r\n');
  await client.transcript('S: hello 2001:db8::1\nS: x');
  await using neighbour = await dial();
  neighbour.sendRaw('PROXY TCP6 2001:db8::2 ::1 4711 110\r\n');
  await neighbour.transcript('S: too many client\nS: closed');
  await using health = await dial();
  health.sendRaw('PROXY UNKNOWN\r\n');
  await health.transcript('S: hello 127.0.0.1?');
  for (const wrong of ['PROXY TCP4 ::1 ::1 1 2', 'PROXY TCP6 1.2.3.4 ::1 1 2', 'PROXY', 'QUIT', `PROXY TCP4 ${'1'.repeat(200)}`]) {
    await using nobody = await dial();
    nobody.send(wrong);
    await nobody.transcript('S: closed');
  }
  const elsewhere = await serve({ proxy_protocol: true, proxy_from: ['192.0.2.0/24'] });
  await using stranger = await elsewhere.dial();
  stranger.sendRaw('PROXY TCP4 192.0.2.1 192.0.2.2 4711 110\r\n');
  await stranger.transcript('S: closed');
  const implicit = await serve({ proxy_protocol: true, tls: 'implicit' });
  await using secure = await implicit.dial();
  secure.sendRaw('PROXY TCP4 192.0.2.1 192.0.2.2 4711 995\r\n');
  await secure.startTls();
  await secure.transcript('S: hello 192.0.2.1\nC: x\nS: x safe');
});

test('connections are limited, and counted out when they end', async () => {
  const { dial } = await serve({}, { connections: 1 });
  const first = await dial();
  await first.expect('hello *');
  await using second = await dial();
  await second.transcript('S: too many total\nS: closed');
  await first[Symbol.asyncDispose]();
  await eventually(async () => {
    await using third = await dial();
    return (await third.line()).startsWith('hello');
  });
});

test('a client that does not read is not read from, and given up in time', async () => {
  const { dial, doors } = await serve();
  await using client = await dial();
  client.stall(true);
  client.send('MUCH 100000000');
  for (let chunk = 0; chunk < 300; chunk++) client.sendRaw(Buffer.alloc(65_536, 'x'));
  let last = -1;
  await eventually(
    () => {
      const still = client.taken === last && last > 0;
      last = client.taken;
      return still;
    },
    { every: 200 },
  );
  expect(last).toBeLessThan(15_000_000);
  const trip = setInterval(() => {
    now += 1001;
  }, 100);
  await doors.drain(new AbortController().signal);
  clearInterval(trip);
}, 10_000);

test('a client that is slow to read gets all that was said before the end', async () => {
  const { dial } = await serve();
  await using client = await dial();
  await client.expect('hello *');
  client.stall(true);
  client.send('LAST 30000000');
  for (let sweeps = 0; sweeps < 3; sweeps++) {
    await pause(500);
    now += 5_000;
  }
  client.stall(false);
  await client.bytes(30_000_000);
  await client.transcript('S: bye\nS: closed');
});

test('a bug ends its session, and is logged', async () => {
  const { dial } = await serve();
  await using client = await dial();
  await client.transcript('S: hello *\nC: BUG\nS: closed');
  expect(lines.join()).toContain('a bug');
});

describe('drain', () => {
  test('tells sessions that wait, lets work finish, takes nobody new, and ends when patience does', async () => {
    const { dial, doors } = await serve();
    await using idle = await dial();
    await idle.expect('hello *');
    await using busy = await dial();
    await busy.transcript('S: hello *');
    busy.sendRaw('now\r\nTAKE 4\r\n12');
    await busy.expect('now');
    const patience = new AbortController();
    const drained = doors.drain(patience.signal);
    await idle.transcript('S: draining\nS: closed');
    await expect(dial()).rejects.toThrow();
    busy.sendRaw('34');
    await busy.transcript('S: took 4\nS: draining\nS: closed');
    await drained;
    const stuck = await serve();
    await using client = await stuck.dial();
    await client.expect('hello *');
    client.sendRaw('now\r\nTAKE 4\r\n12');
    await client.expect('now');
    setTimeout(() => patience.abort(), 50);
    await stuck.doors.drain(patience.signal);
    await client.closed();
  });
});
