import { expect, test } from 'vitest';
import { privateAuthority } from './certificate.ts';
import { eventually } from './eventually.ts';
import { DROP, HANG, startSink } from './sink.ts';
import { openDialogue } from './smtp-dialogue.ts';

const TRANSACTION = `
  S: 220 sink.example ESMTP
  C: EHLO client.example
  S: 250 PIPELINING
  C: MAIL FROM:<a@client.example> SIZE=12 RET=HDRS
  S: 250
  C: RCPT TO:<b@sink.example> NOTIFY=NEVER
  S: 250 2.1.5 *
  C: DATA
  S: 354
  C: Subject: x
  C:
  C: ..stuffed
  C: .`;

test('a message is remembered with its envelope, its parameters and its content as it was meant', async () => {
  await using sink = await startSink();
  await using client = await openDialogue(sink);
  await client.transcript(`${TRANSACTION}
    S: 250 2.0.0 Ok: taken
    C: QUIT
    S: 221
    S: closed`);
  const [message] = await sink.received(1);
  expect(message).toMatchObject({ reversePath: 'a@client.example', reply: '250 2.0.0 Ok: taken', connection: { clientName: 'client.example' } });
  expect([...(message?.parameters ?? [])]).toEqual([
    ['SIZE', '12'],
    ['RET', 'HDRS'],
  ]);
  expect(message?.recipients).toEqual([{ path: 'b@sink.example', parameters: new Map([['NOTIFY', 'NEVER']]) }]);
  expect(message?.content.toString()).toBe('Subject: x\r\n\r\n.stuffed\r\n');
});

test('content that comes byte by byte ends at its dot, and at no other', async () => {
  await using sink = await startSink();
  await using client = await openDialogue(sink);
  await client.transcript('S: 220\nC: HELO c.example\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<b@x.example>\nS: 250\nC: DATA\nS: 354');
  for (const byte of 'a\r\n..\r\n.b\n.\r\nc\r\n.\r\nNOOP\r\n') {
    client.sendRaw(byte);
    await new Promise(setImmediate);
  }
  await client.expect('250 *taken');
  await client.expect('250');
  expect(sink.messages[0]?.content.toString()).toBe('a\r\n.\r\nb\n.\r\nc\r\n');
});

test('a script answers at each stage, and pipelined commands get their replies in order', async () => {
  await using sink = await startSink({ script: { rcpt: (path) => (path.startsWith('late') ? '450 4.2.0 Later' : undefined) } });
  await using client = await openDialogue(sink);
  await client.expect('220');
  client.send('EHLO c.example', 'MAIL FROM:<>', 'RCPT TO:<late@x.example>', 'RCPT TO:<now@x.example>', 'DATA');
  for (const reply of ['250', '250', '450 4.2.0 Later', '250', '354']) await client.expect(reply);
  await client.command('.', '250');
  expect(sink.messages[0]?.recipients.map(({ path }) => path)).toEqual(['now@x.example']);
  expect(sink.messages[0]?.content).toHaveLength(0);
});

test('DROP after the final dot takes the message and answers nothing', async () => {
  await using sink = await startSink({ script: { message: () => DROP } });
  await using client = await openDialogue(sink);
  await client.transcript(`${TRANSACTION}\nS: closed`);
  expect(sink.messages).toMatchObject([{ reply: undefined }]);
});

test('HANG is silence on an open connection', async () => {
  await using sink = await startSink({ script: { mail: () => HANG } });
  await using client = await openDialogue({ port: sink.port, patience: 100 });
  await client.transcript('S: 220\nC: EHLO c.example\nS: 250\nC: MAIL FROM:<>\nC: NOOP');
  await expect(client.reply()).rejects.toThrow(/no sign of a reply/);
  expect(sink.openConnections).toBe(1);
});

test('it refuses connections until it listens again, on the same port', async () => {
  await using sink = await startSink();
  await using client = await openDialogue(sink);
  await client.expect('220');
  await sink.refuse();
  await client.closed();
  await expect(openDialogue(sink)).rejects.toThrow(/ECONNREFUSED/);
  await sink.listen();
  await using again = await openDialogue(sink);
  await again.expect('220');
  await eventually(() => sink.connections.length === 2);
});

test('STARTTLS with a certificate of a private authority can be verified, and AUTH is taken inside', async () => {
  const authority = await privateAuthority();
  await using sink = await startSink({ certificate: await authority.issue({ names: ['mx.sink.example'] }), extensions: ['AUTH PLAIN LOGIN'] });
  await using client = await openDialogue(sink);
  await client.transcript('S: 220\nC: EHLO c.example\nS: 250 STARTTLS');
  await client.startTls({ ca: authority.cert, servername: 'mx.sink.example', rejectUnauthorized: true });
  const { lines } = await client.command('EHLO c.example', '250');
  expect(lines).toEqual(['sink.example', 'AUTH PLAIN LOGIN']);
  await client.command(`AUTH PLAIN ${Buffer.from('\0user\0secret').toString('base64')}`, '235');
  expect(sink.connections[0]).toMatchObject({ encrypted: true, authentication: '\0user\0secret' });
});

test('a self-signed certificate is not trusted', async () => {
  await using sink = await startSink({ tls: 'implicit' });
  await expect(openDialogue({ port: sink.port, tls: { rejectUnauthorized: true } })).rejects.toThrow(/self-signed/);
  await using client = await openDialogue({ port: sink.port, tls: { rejectUnauthorized: true, servername: 'localhost', ca: sink.certificate ?? '' } });
  await client.expect('220');
});
