// SMTP smuggling: no sequence but CR LF . CR LF may end a message, on any listener, however TCP cuts it. What a smuggler puts behind
// such a sequence stays content, and content with a bare CR or LF is refused, so that no next hop can be fooled by us either. Such a session
// ends: its client may see the end of data elsewhere than we do.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Dialogue } from '#shared/testing/smtp-dialogue.ts';
import { type IngressUnderTest, PLAIN, PORTS, type Port, startIngress } from './testing/ingress-under-test.ts';

let ingress: IngressUnderTest;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(async () => ingress[Symbol.asyncDispose]());

const SEQUENCES = [
  '\n.\n',
  '\n.\r\n',
  '\r.\r',
  '\r.\r\n',
  '\r\n.\n',
  '\r\n.\r',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\0\r\n.\n',
  '\r\r\n.\n',
  '\n\r\n.\n',
  '\r\n.\r\0\n',
  '\n\n.\n\n',
  '\r\n.\r\r\n',
  '\n\r.\n\r',
  // These end the message, but not for one who takes CR CR LF or LF CR LF for less than a line's end.
  '\r\r\n.\r\n',
  '\n\r\n.\r\n',
  '\r\n\n.\r\n\r\n.\r\n',
];

async function ready(port: Port): Promise<Dialogue> {
  const client = await ingress.dial(port);
  if (port === 'proxied') {
    client.sendRaw('PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n');
    await client.expect('220');
  }
  await client.command('EHLO client.example.net', '250');
  if (port === 'submission') {
    await client.startTls();
    await client.command('EHLO client.example.net', '250');
  }
  if (port.startsWith('submission')) await client.command(`AUTH PLAIN ${PLAIN}`, '235');
  await client.transcript('C: MAIL FROM:<bob@example.net>\nS: 250\nC: RCPT TO:<alice@example.org>\nS: 250\nC: DATA\nS: 354');
  return client;
}

describe.each(PORTS)('on %s', (port) => {
  test.each(SEQUENCES)('%j ends nothing', async (sequence) => {
    const before = await ingress.accepted();
    await using client = await ready(port);
    client.sendRaw(
      `Subject: one\r\n\r\nbody${sequence}MAIL FROM:<ceo@example.org>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nSubject: two\r\n\r\nsmuggled\r\n.\r\n`,
    );
    await client.transcript('S: 550 5.6.0 *\nS: closed');
    expect(await ingress.accepted()).toBe(before);
  });
});

test.each(SEQUENCES)('%j ends nothing when each byte comes alone', async (sequence) => {
  await using client = await ready('relay');
  for (const byte of `body${sequence}RSET\r\n.\r\n`) {
    client.sendRaw(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.transcript('S: 550 5.6.0 *\nS: closed');
});

test('the end of data may be cut anywhere', async () => {
  for (let at = 1; at < 5; at++) {
    await using client = await ready('relay');
    client.sendRaw(`body${'\r\n.\r\n'.slice(0, at)}`);
    await new Promise((resolve) => setImmediate(resolve));
    client.sendRaw('\r\n.\r\n'.slice(at));
    await client.expect('250 2.0.0 *');
  }
});

test('commands sent with STARTTLS are dropped, not run inside TLS (CVE-2011-0411)', async () => {
  const socket = connectTcp(ingress.port('relay'), '127.0.0.1');
  await said(socket, '220 ');
  socket.write('EHLO x\r\n');
  await said(socket, '250 HELP');
  socket.write('STARTTLS\r\nMAIL FROM:<ceo@example.org>\r\nNOOP\r\n');
  expect(await said(socket, '220 ')).toBe('220 2.0.0 Ready to start TLS\r\n');
  const secure = connectTls({ socket, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  secure.write('RCPT TO:<alice@example.org>\r\n');
  expect(await said(secure, '\r\n')).toBe('503 5.5.1 Need MAIL before this\r\n');
  secure.destroy();
});

/** What comes until it holds `text`. */
async function said(socket: Socket, text: string): Promise<string> {
  let all = '';
  while (!all.includes(text)) all += String((await once(socket, 'data'))[0]);
  return all;
}
