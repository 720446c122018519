// Start, PROXY protocol, reload and drain.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { openDialogue } from '#shared/testing/smtp-dialogue.ts';
import { startIngress } from './testing/ingress-under-test.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis.close());

const READY = 'C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250';

describe('start', () => {
  test('tells where it listens', async () => {
    await using world = await startIngress({}, redis);
    expect(world.service.listeners?.map(({ name }) => name)).toEqual(['smtp', 'smtp', 'submission', 'submissions', 'smtp']);
    expect(world.service.listeners?.every(({ address, port }) => address === '127.0.0.1' && port > 0)).toBe(true);
  });

  test.each([
    ['a port in use', (port: number) => ({ listeners: [{ port: 0 }, { port }] }), /^ingress\.listeners: cannot listen on 127\.0\.0\.1 port \d+: EADDRINUSE$/],
    [
      'an unreadable certificate',
      () => ({ tls: { certificate: '/nowhere/cert.pem', key: '/nowhere/key.pem' } }),
      /^ingress\.tls\.certificate: cannot read \/nowhere\/cert\.pem: ENOENT$/,
    ],
    ['a certificate that is none', () => ({ tls: { certificate: import.meta.filename, key: import.meta.filename } }), /^ingress\.tls: .* cannot be used: /],
    ['a certificate without its key', () => ({ tls: { certificate: '/nowhere' } }), /^ingress\.tls: certificate and key go together$/],
    ['a network that is none', () => ({ listeners: [{ port: 0, trusted_networks: ['10.0.0.0/33'] }] }), /^trusted_networks: 10\.0\.0\.0\/33 is no network/],
    ['trust in a proxy’s address', () => ({ listeners: [{ port: 0, behind_proxy: true, trusted_networks: ['10.0.0.0/8'] }] }), /needs proxy_protocol/],
  ])('fails with one line for %s', async (_, ingress, message) => {
    const port = await freePort();
    const blocker = createServer().listen(port, '127.0.0.1');
    await once(blocker, 'listening');
    await expect(startIngress({ ingress: ingress(port) }, redis)).rejects.toThrow(message);
    blocker.close();
  });
});

describe('PROXY protocol', () => {
  test('tells the client’s address, which is trusted by its own network', async () => {
    await using world = await startIngress({}, redis);
    for (const [address, code] of [
      ['192.0.2.7', 250],
      ['198.51.100.7', 550],
    ]) {
      await using client = await world.dial('proxied');
      client.sendRaw(`PROXY TCP4 ${address} 192.0.2.2 1000 25\r\n`);
      await client.transcript('S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<>\nS: 250');
      await client.command('RCPT TO:<carol@example.com>', String(code));
      if (code !== 250) continue;
      await client.command('DATA', '354');
      expect((await world.message(await client.command('.', '250'))).content).toContain('([192.0.2.7])');
    }
  });

  test('UNKNOWN is trusted by nobody', async () => {
    await using world = await startIngress(
      { ingress: { listeners: [{ port: 0, proxy_protocol: true, proxy_from: ['127.0.0.0/8'], trusted_networks: ['127.0.0.0/8'] }] } },
      redis,
    );
    await using client = await openDialogue({ port: world.port('relay') });
    client.sendRaw('PROXY UNKNOWN\r\n');
    await client.transcript('S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 550 5.7.1 *');
  });

  test('of others than proxy_from is not heard, nor anything else', async () => {
    const listeners = [{ port: 0, proxy_protocol: true, proxy_from: ['192.0.2.0/24'], trusted_networks: ['198.51.100.0/24'] }];
    await using world = await startIngress({ ingress: { listeners } }, redis);
    await using client = await openDialogue({ port: world.port('relay') });
    client.sendRaw('PROXY TCP4 198.51.100.1 192.0.2.2 1000 25\r\n');
    await client.closed();
    expect(client.said.filter((line) => line.startsWith('S: '))).toEqual([]);
  });

  test('is demanded', async () => {
    await using world = await startIngress({}, redis);
    await using client = await world.dial('proxied');
    client.sendRaw('EHLO x\r\n');
    await expect(client.expect('220')).rejects.toThrow();
  });

  test('an address of a proxy trusts nobody', async () => {
    await using world = await startIngress({ ingress: { listeners: [{ port: 0, behind_proxy: true }], trusted_networks: ['127.0.0.0/8'] } }, redis);
    await using client = await world.dial('relay');
    await client.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 550 5.7.1 *');
  });
});

test('a reload changes limits for open sessions and networks for new ones', async () => {
  await using world = await startIngress({}, redis);
  await using client = await world.dial();
  world.reload({ ingress: { limits: { message_size: 1234 } } });
  await client.command('EHLO x', '250 SIZE 1234');
});

test('a reload exchanges listeners: who is there goes on, who comes meets what is written now', async () => {
  const [kept, given] = [await freePort(), await freePort()];
  await using world = await startIngress({ ingress: { listeners: [{ port: kept }] } }, redis);
  await using old = await world.dial('relay');
  await old.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250');
  world.reload({ ingress: { listeners: [{ port: kept, kind: 'submission', tls: 'implicit' }, { port: given }] } });
  await eventually(() => accepts(given));
  await using secure = await openDialogue({ port: kept, tls: {} });
  await secure.transcript('S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 530 5.7.0 *');
  await old.transcript('C: RCPT TO:<alice@example.org>\nS: 250\nC: DATA\nS: 354\nC: x\nC: .\nS: 250 2.0.0 *');
  world.reload({ ingress: { listeners: [{ port: given }] } });
  await eventually(async () => !(await accepts(kept)));
  await secure.command('NOOP', '250');
  // All of them are told at the end, whatever became of their listeners.
  const drained = world.service.drain(new AbortController().signal);
  await Promise.all([old.transcript('S: 421 4.3.2 *\nS: closed'), secure.transcript('S: 421 4.3.2 *\nS: closed')]);
  await drained;
});

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const accepted = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
  socket.destroy();
  return accepted;
}

test('a reload with a mistake keeps what was', async () => {
  await using world = await startIngress({}, redis);
  world.reload({ ingress: { tls: { certificate: '/nowhere', key: '/nowhere' } } });
  await using client = await world.dial();
  await client.command('EHLO x', '250');
  await client.startTls();
});

describe('drain', () => {
  test('idle sessions are told, a transaction finishes, nobody new comes in', async () => {
    await using world = await startIngress({}, redis);
    await using idle = await world.dial();
    await using busy = await world.dial();
    await busy.transcript(`${READY}\nC: DATA\nS: 354\nC: Subject: x`);
    const drained = world.service.drain(new AbortController().signal);
    await idle.transcript('S: 421 4.3.2 mx.example.org Service shutting down, try again later\nS: closed');
    expect(world.service.notReady()).toBe('smtp-ingress is draining');
    await expect(world.dial()).rejects.toThrow();
    await busy.transcript('C:\nC: body\nC: .\nS: 250 2.0.0 *\nS: 421 4.3.2 *\nS: closed');
    await drained;
    expect(await world.accepted()).toBe(1);
  });

  test('ends handshakes that are under way', async () => {
    await using world = await startIngress({}, redis);
    await using upgrading = await world.dial();
    await upgrading.transcript('C: EHLO x\nS: 250\nC: STARTTLS\nS: 220');
    await using connecting = await openDialogue({ port: world.port('submissions') });
    // The beginning of a ClientHello.
    for (const client of [upgrading, connecting]) client.sendRaw(Buffer.from('16030102000100', 'hex'));
    await using other = await world.dial();
    await other.command('NOOP', '250');
    await world.service.drain(AbortSignal.timeout(300));
    await Promise.all([upgrading.closed(), connecting.closed()]);
  });

  test('ends at once when patience does', async () => {
    await using world = await startIngress({}, redis);
    await using busy = await world.dial();
    await busy.transcript(`${READY}\nC: DATA\nS: 354\nC: Subject: x`);
    const patience = new AbortController();
    const drained = world.service.drain(patience.signal);
    patience.abort();
    await drained;
    await busy.closed();
    expect(await world.accepted()).toBe(0);
  });
});

test('a client that says all and closes its side gets all its replies', async () => {
  await using world = await startIngress({}, redis);
  const socket = connect({ port: world.port('relay'), host: '127.0.0.1', allowHalfOpen: true });
  let said = '';
  for await (const chunk of socket) {
    if (said === '') socket.end('EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nx\r\n.\r\n');
    said += chunk;
  }
  expect(said).toContain('250 2.0.0 Ok: queued as');
});

test('a client that leaves in the middle of its data leaves nothing', async () => {
  await using world = await startIngress({}, redis);
  for (const lines of [1, 3000]) {
    await using client = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    client.sendRaw(`Subject: x\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(lines)}`);
    client.reset();
  }
  await using client = await world.dial();
  await client.command('NOOP', '250');
  expect(await world.accepted()).toBe(0);
});
