// A transaction that follows another on one connection: its commands go with the end of the content before it, and what happens
// to the one before decides what becomes of it.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startSink } from '#shared/testing/sink.ts';
import { DROP } from '#shared/testing/sink-script.ts';
import { opened, rawServer, requestTo } from './client.fixture.ts';

const PLAIN = ['PIPELINING', 'ENHANCEDSTATUSCODES'];
const kinds = (results: readonly { readonly kind: string }[]) => results.map(({ kind }) => kind);

test('its commands come with the end of the content before it (RFC 2920 section 3.1), and all replies may come at once', async () => {
  const seen: string[] = [];
  await using server = await rawServer((socket, lines) => {
    socket.write('220 raw ESMTP\r\n');
    lines((line) => {
      seen.push(line);
      const dots = seen.filter((each) => each === '.').length;
      const datas = seen.filter((each) => each === 'DATA').length;
      if (line.startsWith('EHLO')) socket.write('250-raw\r\n250 PIPELINING\r\n');
      else if (line === 'DATA' && datas === 1) socket.write('250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go\r\n');
      // The first message is answered only now that the commands of the second are here.
      else if (line === 'DATA' && datas === 2) socket.write('250 2.0.0 First\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go\r\n');
      else if (line === '.' && dots === 2) socket.write('250 2.0.0 Second\r\n');
    });
  });
  const connection = await opened(server.port);
  const first = connection.send(requestTo(['a@example.net']));
  expect([connection.usable, connection.joinable]).toEqual([false, true]);
  const second = connection.send(requestTo(['b@example.net']));
  expect(connection.joinable).toBe(false);
  expect((await first).results).toMatchObject([{ kind: 'relayed', reply: { lines: ['First'] } }]);
  expect((await second).results).toMatchObject([{ kind: 'relayed', reply: { lines: ['Second'] } }]);
  expect(connection.usable).toBe(true);
});

test('it goes whatever became of the one before', async () => {
  const replies = ['554 5.6.0 Spam', undefined];
  await using sink = await startSink({ tls: 'none', extensions: PLAIN, script: { message: () => replies.shift() } });
  const connection = await opened(sink.port);
  const [first, second] = await Promise.all([connection.send(requestTo(['a@example.net'])), connection.send(requestTo(['b@example.net']))]);
  expect([kinds(first.results), kinds(second.results)]).toEqual([['failed'], ['relayed']]);
  await connection.quit();
});

test('it begins with RSET after one that had no content to send', async () => {
  const rcpt = (path: string) => (path.startsWith('a') ? '550 5.1.1 Unknown' : undefined);
  await using sink = await startSink({ tls: 'none', extensions: PLAIN, script: { rcpt } });
  const connection = await opened(sink.port);
  const [first, second] = await Promise.all([connection.send(requestTo(['a@example.net'])), connection.send(requestTo(['b@example.net']))]);
  expect([kinds(first.results), kinds(second.results)]).toEqual([['failed'], ['relayed']]);
  expect(sink.connections[0]?.commands).toContain('RSET');
  await connection.quit();
});

test('it was never sent when the connection ends with the one before, which is in doubt', async () => {
  await using sink = await startSink({ tls: 'none', extensions: PLAIN, script: { message: () => DROP } });
  const connection = await opened(sink.port);
  const [first, second] = await Promise.all([connection.send(requestTo(['a@example.net'])), connection.send(requestTo(['b@example.net']))]);
  expect(first).toMatchObject({ committed: true, results: [{ kind: 'delayed', inDoubt: true }] });
  expect(second.committed).toBe(false);
  expect(second.loss).not.toBeNull();
  expect(second.results).not.toMatchObject([{ inDoubt: true }]);
  await eventually(() => !connection.usable && !connection.joinable);
});

test('it is not announced when its own content may not go there; it fails when its turn comes', async () => {
  await using sink = await startSink({ tls: 'none', extensions: PLAIN });
  const connection = await opened(sink.port);
  const eightBit = requestTo(['b@example.net'], { content: Buffer.from('Subject: x\r\n\r\n\u00e9\r\n'), body: '8bitmime' });
  const [first, second] = await Promise.all([connection.send(requestTo(['a@example.net'])), connection.send(eightBit)]);
  expect([kinds(first.results), kinds(second.results)]).toEqual([['relayed'], ['failed']]);
  expect(kinds((await connection.send(requestTo(['c@example.net']))).results)).toEqual(['relayed']);
  expect(sink.messages).toHaveLength(2);
  await connection.quit();
});
