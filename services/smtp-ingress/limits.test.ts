// What is limited, and the reply when it is.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { openDialogue } from '#shared/testing/smtp-dialogue.ts';
import { startIngress } from './testing/ingress-under-test.ts';

const READY = 'C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis.close());

type Limits = NonNullable<NonNullable<ConfigInput['ingress']>['limits']>;
const limited = (limits: Limits) => startIngress({ ingress: { limits } }, redis);

describe('connections', () => {
  test('in all, and by client', async () => {
    await using world = await limited({ connections: 3, connections_per_client: 2 });
    await using first = await world.dial();
    await using second = await world.dial();
    await using third = await world.dial('proxied');
    third.sendRaw('PROXY TCP4 192.0.2.9 192.0.2.2 1000 25\r\n');
    await third.expect('220');
    await using fourth = await world.dial('proxied');
    fourth.sendRaw('PROXY TCP4 192.0.2.8 192.0.2.2 1000 25\r\n');
    await fourth.transcript('S: 421 4.7.0 mx.example.org Too many connections, try again later\nS: closed');
    await third.transcript('C: QUIT\nS: 221\nS: closed');
    await using fifth = await world.dial('proxied');
    await eventually(() => world.world.metrics.ingressConnections.get().then(({ values }) => values.reduce((sum, { value }) => sum + value, 0) === 2));
    fifth.sendRaw('PROXY TCP4 127.0.0.1 192.0.2.2 1000 25\r\n');
    await fifth.transcript('S: 421 4.7.0 mx.example.org Too many connections from you, try again later\nS: closed');
    await first.transcript('C: QUIT\nS: 221\nS: closed');
    await eventually(async () => {
      await using again = await world.dial();
      return (await again.command('NOOP')).code === 250;
    });
    await second.command('NOOP', '250');
  });
});

describe('a session', () => {
  test('ends after too many errors', async () => {
    await using world = await limited({ errors: 3 });
    await using client = await world.dial();
    await client.transcript('C: A\nS: 500\nC: B\nS: 500\nC: C\nS: 500\nC: NOOP\nS: 421 4.7.0 mx.example.org Too many errors\nS: closed');
  });

  test('ends after too many unknown recipients', async () => {
    await using world = await limited({ unknown_recipients: 2 });
    await using client = await world.dial();
    await client.transcript(
      'C: EHLO x\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<a@example.org>\nS: 550\nC: RCPT TO:<b@example.org>\nS: 550\nC: RCPT TO:<c@example.org>\nS: 421\nS: closed',
    );
  });

  test('takes so many messages', async () => {
    await using world = await limited({ messages_per_connection: 1 });
    await using client = await world.dial();
    await client.transcript(
      `${READY}\nC: DATA\nS: 354\nC: .\nS: 250\nC: MAIL FROM:<>\nS: 421 4.7.0 mx.example.org Too many messages in one session\nS: closed`,
    );
  });

  test('ends when the client is silent, even if it sends a byte now and then', async () => {
    await using world = await limited({ command_timeout: 300 });
    await using client = await world.dial();
    const trickle = setInterval(() => client.sendRaw('N'), 50);
    await client.expect('421 4.4.2 mx.example.org Timeout, closing connection');
    clearInterval(trickle);
  });

  test('ends when a transaction lasts too long', async () => {
    await using world = await limited({ transaction_timeout: 300 });
    await using client = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    const trickle = setInterval(() => client.sendRaw('line\r\n'), 50);
    await client.expect('421 4.4.2 *');
    clearInterval(trickle);
    expect(await world.accepted()).toBe(0);
  });

  test('ends when a TLS handshake does not come', async () => {
    await using world = await limited({ tls_timeout: 200 });
    await using client = await world.dial();
    await client.transcript('C: EHLO x\nS: 250\nC: STARTTLS\nS: 220');
    client.sendRaw(Buffer.from('16030102000100', 'hex'));
    await client.closed();
    await using silent = await openDialogue({ port: world.port('submissions') });
    await silent.closed();
    await using unnamed = await world.dial('proxied');
    await unnamed.closed();
  });

  test('whose client reads no replies is not read from', async () => {
    await using world = await limited({});
    const socket = connect(world.port('relay'), '127.0.0.1').on('error', () => undefined);
    socket.pause();
    const help = Buffer.from('HELP\r\n'.repeat(10_000));
    let taken = 0;
    const pump = () => {
      while (taken < 2000 && socket.write(help)) taken++;
    };
    socket.on('drain', pump);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.once('readable', pump);
    let last = -1;
    await eventually(
      () => {
        const still = socket.bytesWritten - socket.writableLength === last;
        last = socket.bytesWritten - socket.writableLength;
        return still && last > 0;
      },
      { every: 300 },
    );
    expect(taken).toBeLessThan(2000);
    socket.destroy();
  });
});

describe('a message', () => {
  test('has so many recipients', async () => {
    await using world = await limited({ recipients: 100 });
    await using client = await world.dial('trusted');
    await client.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<a@b>\nS: 250');
    for (let number = 0; number < 100; number++) await client.command(`RCPT TO:<user${number}@example.com>`, '250');
    await client.transcript('C: RCPT TO:<user@example.com>\nS: 452 4.5.3 Too many recipients\nC: RCPT TO:<user1@EXAMPLE.com>\nS: 250\nC: DATA\nS: 354');
    const { head } = await world.message(await client.command('.', '250'));
    expect(head.envelope.recipients).toHaveLength(100);
  });

  test.each([1000, 100_000])('of %i bytes may be too big, whatever SIZE said', async (limit) => {
    await using world = await limited({ message_size: limit });
    await using client = await world.dial();
    await client.transcript('C: EHLO x\nS: 250\nC: MAIL FROM:<a@b> SIZE=10\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250\nC: DATA\nS: 354');
    client.sendRaw(`Subject: x\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(2000)}.\r\n`);
    await client.transcript(`S: 552 5.3.4 Message bigger than the limit of ${limit} bytes\nC: NOOP\nS: 250`);
    await client.transcript(`${READY}\nC: DATA\nS: 354\nC: .\nS: 250`);
  });

  test('of exactly the limit is taken', async () => {
    await using world = await limited({ message_size: 1000 });
    await using client = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    client.sendRaw(`${'.'.repeat(999)}\r\n.\r\n`);
    await client.transcript('S: 250');
  });

  test('has a bounded header', async () => {
    await using world = await limited({});
    await using client = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    client.sendRaw(`${`X-Filler: ${'x'.repeat(80)}\r\n`.repeat(4000)}\r\nbody\r\n.\r\n`);
    await client.transcript('S: 552 5.3.4 Message header too big\nC: NOOP\nS: 250');
  });
});

describe('while the spool cannot take it', () => {
  const LARGE = `Subject: x\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(3000)}.\r\n`;

  test('a full disk is 452 at MAIL, and not ready', async () => {
    await using world = await limited({});
    await using client = await world.dial();
    await client.command('EHLO x', '250');
    world.reload({ queue: { min_free: '1000TB' } });
    await client.command('MAIL FROM:<>', '452 4.3.1 Insufficient system storage, try again later');
    expect(world.service.notReady()).toContain('min_free');
    world.reload({});
    await client.command('MAIL FROM:<>', '250');
    expect(world.service.notReady()).toBeNull();
  });

  test('memory that runs out within a transaction is a 4xx at its end', async () => {
    await using world = await limited({});
    await using client = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    await redis.command('CONFIG', 'SET', 'maxmemory', 1);
    client.send('Subject: x', '.');
    expect((await client.reply()).code).toBe(452);
    expect(await world.accepted()).toBe(0);
    await redis.command('CONFIG', 'SET', 'maxmemory', '256mb');
    await world.look();
    await client.transcript(`${READY}\nC: DATA\nS: 354\nC: .\nS: 250`);
  });

  test('a Redis that is away is 451, at the end of data and then at MAIL', async () => {
    await using own = await startRedis();
    await using world = await startIngress({}, own);
    await using client = await world.dial();
    await using other = await world.dial();
    await client.transcript(`${READY}\nC: DATA\nS: 354`);
    await other.transcript(`${READY}\nC: DATA\nS: 354`);
    await own.kill();
    other.sendRaw(LARGE);
    await client.transcript('C: Subject: x\nC: .\nS: 451 4.3.0 Mail queue unavailable, try again later');
    await other.transcript('S: 451 4.3.0 *');
    await eventually(() => world.service.notReady() !== null);
    await client.command('MAIL FROM:<>', '451 4.3.0 *');
    await own.start();
    await eventually(() => world.look().then(() => world.service.notReady() === null));
    await client.transcript(`${READY}\nC: DATA\nS: 354\nC: .\nS: 250`);
  });
});
