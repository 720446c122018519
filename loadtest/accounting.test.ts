// Source and sink against each other: what is lost, doubled or overtaken between them is counted exactly.
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { account } from './accounting.ts';
import { type Sink, type SinkOptions, startSink } from './sink.ts';
import { type SourceOptions, startSource } from './source.ts';

const RUN = '0badcafe';
const opened: { close(): Promise<unknown> | unknown }[] = [];

afterEach(async () => {
  for (const item of opened.splice(0)) await item.close();
});

async function sink(options: Partial<SinkOptions> = {}): Promise<Sink> {
  const started = await startSink({ messages: 200, run: RUN, ...options });
  opened.push(started);
  return started;
}

function source(port: number, options: Partial<SourceOptions> = {}) {
  const started = startSource({ port, messages: 200, size: 4096, sessions: 5, run: RUN, retryDelay: 5, ...options });
  opened.push({ close: () => started.stop() });
  return started;
}

/** A server that speaks SMTP line by line; `onMessage` gets each whole message and answers the reply to its final dot. */
async function relay(onMessage: (message: string, socket: Socket) => string | undefined): Promise<number> {
  const server: Server = createServer({ noDelay: true }, (socket) => {
    let text = '';
    let inContent = false;
    socket.on('error', () => socket.destroy());
    socket.write('220 relay\r\n');
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (;;) {
        const separator = inContent ? '\r\n.\r\n' : '\r\n';
        const end = text.indexOf(separator);
        if (end < 0 || socket.destroyed) return;
        const part = text.slice(0, end);
        text = text.slice(end + separator.length);
        const reply = inContent ? onMessage(part, socket) : part === 'DATA' ? '354 go on' : '250 fine';
        inContent = part === 'DATA' && !inContent;
        if (reply !== undefined) socket.write(`${reply}\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Accepts the source's messages, keeps them, and has one connection deliver those that `choose` leaves to the sink, in its order. */
async function throughHands(target: Sink, choose: (messages: string[]) => string[], options: Partial<SourceOptions> = {}) {
  const held: string[] = [];
  const port = await relay((message) => {
    held.push(message);
    return '250 2.0.0 Ok: queued as 4AB';
  });
  const sent = source(port, options);
  await sent.done;
  await deliver(target, choose(held));
  return account(sent.acknowledgements, target.arrivals());
}

/** Sends whole messages to r0, one after the other. */
async function deliver(target: Sink, messages: readonly string[]): Promise<void> {
  const socket = connect(target.port, '127.0.0.1').setEncoding('latin1');
  opened.push({ close: () => socket.destroy() });
  const replies = socket[Symbol.asyncIterator]();
  const say = async (text: string) => {
    socket.write(text);
    await replies.next();
  };
  await replies.next();
  for (const message of messages) {
    await say('MAIL FROM:<>\r\n');
    await say('RCPT TO:<r0@load.example>\r\n');
    await say('DATA\r\n');
    await say(`Received: by hand\r\n${message}\r\n.\r\n`);
  }
}

describe('between source and sink', () => {
  test('nothing goes missing when nothing interferes, with many recipients and one message per connection too', async () => {
    const target = await sink({ recipients: 3 });
    const sent = source(target.port, { recipients: 3, messagesPerConnection: 1, size: 100_000 });
    await sent.done;
    expect(account(sent.acknowledgements, target.arrivals())).toMatchObject({ acknowledged: 600, delivered: 600, lost: 0, duplicated: 0, foreign: 0 });
  });

  test('a lost message is lost, by its number', async () => {
    const target = await sink();
    const found = await throughHands(target, (messages) => messages.filter((text) => !text.includes('X-Load-Number: 0000000017 ')));
    expect(found).toMatchObject({ acknowledged: 200, delivered: 199, lost: 1, lostNumbers: [17], duplicated: 0 });
  });

  test('a doubled message is a duplicate', async () => {
    const target = await sink();
    const found = await throughHands(target, (messages) => [...messages, messages[3] ?? '', messages[3] ?? '']);
    expect(found).toMatchObject({ lost: 0, duplicated: 2, resubmitted: 0, delivered: 200 });
  });

  test('a message that overtakes another of its session is reordered', async () => {
    const target = await sink();
    const found = await throughHands(target, (messages) => [...messages.slice(1), messages[0] ?? ''], { sessions: 1 });
    expect(found).toMatchObject({ lost: 0, duplicated: 0, reordered: 1 });
  });

  test('mail without a number of this run is foreign', async () => {
    const target = await sink();
    const found = await throughHands(target, (messages) => [...messages, 'Subject: hello\r\n\r\nhello', (messages[0] ?? '').replace(RUN, 'deadbeef')]);
    expect(found).toMatchObject({ lost: 0, duplicated: 0, foreign: 2 });
  });

  test('a copy after a final dot without a reply is the source’s own', async () => {
    const target = await sink({ cutEvery: 10 });
    const sent = source(target.port);
    await sent.done;
    const found = account(sent.acknowledgements, target.arrivals());
    expect(target.arrivals().cut).toBeGreaterThan(10);
    expect(found).toMatchObject({ acknowledged: 200, lost: 0, duplicated: 0, resubmitted: target.arrivals().cut });
  });
});

describe('the source', () => {
  test('tries again after 4xx and goes on when the destination returns', async () => {
    const target = await sink();
    await target.setMode('defer');
    const sent = source(target.port);
    await eventually(() => sent.acknowledgements.failures > 5);
    await target.setMode('refuse');
    await eventually(() => sent.acknowledgements.lastFailure?.includes('ECONNREFUSED'));
    await target.setMode('accept');
    await sent.done;
    expect(account(sent.acknowledgements, target.arrivals())).toMatchObject({ acknowledged: 200, lost: 0, duplicated: 0, resubmitted: 0 });
  });

  test('does not repeat what is refused for good', async () => {
    const target = await sink();
    await target.setMode('reject');
    const sent = source(target.port, { messages: 10 });
    await sent.done;
    expect(sent.acknowledgements).toMatchObject({ refused: 10, acknowledged: 0, failures: 0 });
  });

  test('stops at the first failure when told to', async () => {
    const target = await sink();
    await target.setMode('defer');
    await expect(source(target.port, { onFailure: 'stop' }).done).rejects.toThrow('450 4.2.1');
  });

  test('keeps to its rate', async () => {
    const target = await sink();
    const sent = source(target.port, { messages: 60, rate: 100, pipelining: false });
    await sent.done;
    const took = (sent.acknowledgements.acknowledgedAt[59] ?? 0) - sent.acknowledgements.startedAt;
    expect(took).toBeGreaterThan(580);
    expect(sent.acknowledgements.replies[0]).toContain('250 2.0.0');
  });

  test('writes each acknowledgement to its log', async () => {
    await using directory = await tempDir('source');
    const target = await sink();
    const log = join(directory.path, 'acknowledged');
    await source(target.port, { messages: 20, log }).done;
    await eventually(() => expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(20));
    expect(readFileSync(log, 'utf8')).toMatch(/^\d+ \d+\.\d{3} 250 2\.0\.0 Ok$/m);
  });
});

test('a tarpit holds its connections while another destination of the same sink is served', async () => {
  const target = await sink({ destinations: 2, tarpitDelay: 600_000 });
  await target.setMode('tarpit', 1);
  const [fast = '', slow = ''] = target.addresses;
  const stuck = source(target.port, { host: slow, messages: 3, sessions: 3 });
  const served = source(target.port, { host: fast });
  await served.done;
  expect(target.connections(1)).toBe(3);
  expect(stuck.acknowledgements.acknowledged).toBe(0);
  expect(target.arrivals().byDestination).toEqual(new Float64Array([200, 0]));
});
