// Limits, time-outs, failures of what pop3 stands on, reload and drain.

import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { ALICE, PASSWORD, PLAIN, startPop3UnderTest } from './testing/pop3-under-test.ts';

test('connections are limited by client, and counted', async () => {
  await using pop3 = await startPop3UnderTest({ limits: { connections_per_client: 1 } });
  await using first = await pop3.dial();
  await expect(pop3.dial()).rejects.toThrow('expected +OK');
  await first.transcript('C: QUIT\nS: +OK Bye\nS: closed');
  await eventually(async () => {
    await using _next = await pop3.dial();
    return true;
  });
  expect(await pop3.metrics.registry.getSingleMetricAsString('stafette_access_connections_total')).toContain('{listener="pop3"}');
});

test('guessing is throttled by account', async () => {
  await using pop3 = await startPop3UnderTest({ limits: { auth_failures_per_client: 2 } });
  await using client = await pop3.dial();
  const wrong = `C: AUTH PLAIN ${Buffer.from(`\0${ALICE}\0wrong`).toString('base64')}\nS: -ERR [AUTH] *`;
  await client.transcript(`${wrong}\n${wrong}\nC: AUTH PLAIN ${PLAIN}\nS: -ERR [SYS/TEMP] Too many failed authentications, try again later`);
  expect(await pop3.metrics.registry.getSingleMetricAsString('stafette_logins_total')).toContain('{role="pop3",result="throttled"} 1');
});

test('who does not log in in time is sent away without a word', async () => {
  await using pop3 = await startPop3UnderTest({ limits: { login_timeout: 200 } });
  await using client = await pop3.dial();
  await client.transcript(`C: USER ${ALICE}\nS: +OK *\nS: closed`);
});

test('what a client sent ahead is not done once it has gone', async () => {
  await using pop3 = await startPop3UnderTest();
  await pop3.deliver(ALICE, `Subject: large\r\n\r\n${'x\r\n'.repeat(300_000)}`);
  const ahead = 5_000;
  const socket = connect({ port: pop3.port('plain'), host: '127.0.0.1' }).on('error', () => undefined);
  socket.write(`AUTH PLAIN ${PLAIN}\r\n${'RETR 1\r\n'.repeat(ahead)}`);
  const retrieved = async () => (await pop3.metrics.pop3Commands.get()).values.find(({ labels }) => labels.command === 'RETR')?.value ?? 0;
  socket.resume();
  await eventually(async () => (await retrieved()) > 0);
  socket.destroy();
  await eventually(async () => (await pop3.metrics.accessConnections.get()).values.every(({ value }) => value === 0), { within: 20_000 });
  expect(await retrieved()).toBeLessThan(ahead / 2);
});

test('a directory or mail store that is away is told apart from wrong credentials', async () => {
  await using pop3 = await startPop3UnderTest({ directory: { authenticate: () => Promise.reject(new Error('LDAP away')) } });
  await using client = await pop3.dial();
  await client.transcript(`C: AUTH PLAIN ${PLAIN}\nS: -ERR [SYS/TEMP] Authentication cannot be checked now, try again later`);
  await using closed = await startPop3UnderTest({ around: (store) => ({ ...store, account: () => Promise.reject(new Error('database away')) }) });
  await using other = await closed.dial();
  await other.transcript(`C: AUTH PLAIN ${PLAIN}\nS: -ERR [SYS/TEMP] Mailbox cannot be read now, try again later\nC: CAPA\nS: +OK *`);
  expect(closed.lines.join()).toContain('database away');
});

describe('the certificate', () => {
  test('that cannot be read keeps the service from starting, and at reload keeps the old one', async () => {
    await using pop3 = await startPop3UnderTest();
    await rm(`${pop3.dataDir}/tls`, { recursive: true });
    pop3.reload();
    await eventually(() => pop3.lines.join().includes('pop3 keeps its listeners and certificate'));
    await using client = await pop3.dial('implicit');
    await client.command('CAPA', '+OK *');
    await expect(pop3.another()).rejects.toThrow(/^ingress.tls.certificate: cannot read .*: ENOENT$/);
  });
});

describe('drain', () => {
  test('ends sessions that have not logged in, lets the others go on to their QUIT, takes nobody new', async () => {
    await using pop3 = await startPop3UnderTest();
    await pop3.deliver(ALICE, 'Subject: x\r\n\r\nx\r\n');
    await using idle = await pop3.dial();
    await using busy = await pop3.logIn();
    await busy.transcript('C: DELE 1\nS: +OK *');
    const drained = pop3.service.drain(new AbortController().signal);
    expect(pop3.service.notReady()).toBe('pop3 is draining');
    await idle.transcript('S: -ERR [SYS/TEMP] Service shutting down, try again later\nS: closed');
    await expect(pop3.dial()).rejects.toThrow();
    await busy.transcript('C: QUIT\nS: +OK Bye\nS: closed');
    await drained;
    expect(await pop3.store.list(ALICE, 'INBOX')).toEqual([]);
  });

  test('ends at once when patience does', async () => {
    await using pop3 = await startPop3UnderTest();
    await using client = await pop3.logIn();
    await pop3.service.drain(AbortSignal.timeout(100));
    await client.closed();
  });
});

test('a port in use is one clear line', async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen({ port: 0, host: '127.0.0.1', exclusive: true }, resolve));
  const { port } = blocker.address() as { port: number };
  await expect(startPop3UnderTest({ listeners: [{ port }] })).rejects.toThrow(`pop3.listeners: cannot listen on 127.0.0.1 port ${port}: EADDRINUSE`);
  blocker.close();
});

test('passwords stand in no log line', async () => {
  await using pop3 = await startPop3UnderTest();
  await using client = await pop3.dial();
  await client.transcript(`C: PASS ${PASSWORD}secret\nS: -ERR *\nC: PASSWORD ${PASSWORD}\nS: -ERR *\nC: ${PLAIN}\nS: -ERR *`);
  expect(pop3.lines.length).toBeGreaterThan(2);
  expect(pop3.lines.join()).not.toContain(PASSWORD);
  expect(pop3.lines.join()).not.toContain(PLAIN);
});
