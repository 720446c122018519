// CPU per message of three ways to send mail on a kept connection, for docs/decisions/send-path.md:
//   node services/remote-delivery/bench/send-path.ts [messages] [runs]
// Interleaved runs, the median of each. Our process alone is measured; the sink has its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { DotStuffer } from '#shared/smtp/dot-stuffing.ts';
import type { SmtpConnection } from '../smtp-client/connection.ts';
import { openConnection } from '../smtp-client/open-connection.ts';

const [messages = 2000, runs = 5] = process.argv.slice(2).map(Number);
const TIMEOUTS = { connect: 5_000, greeting: 5_000, command: 5_000, data: 5_000 };
const ENVELOPE = { from: 'sender@example.org', to: ['recipient@example.net'] };

interface Way {
  readonly name: string;
  open(port: number): Promise<{ send(content: Buffer): Promise<void>; close(): Promise<void> }>;
}

const lean: Way = {
  name: 'lean client',
  async open(port) {
    const opened = await openConnection({
      host: 'localhost',
      address: '127.0.0.1',
      port,
      hostname: 'bench.example.org',
      tls: { mode: 'none' },
      sessions: { get: () => undefined, set: () => {} },
      timeouts: TIMEOUTS,
    });
    if (opened.kind !== 'open') throw new Error(opened.outcome.diagnostic);
    const { connection } = opened;
    return { send: (content) => sendLean(connection, content), close: () => connection.quit() };
  },
};

async function sendLean(connection: SmtpConnection, content: Buffer): Promise<void> {
  const recipients = ENVELOPE.to.map((address) => ({ address }));
  const { results } = await connection.send({
    reversePath: ENVELOPE.from,
    recipients,
    content,
    size: content.length,
    body: '7bit',
    smtputf8: false,
    mayCommit: () => true,
  });
  if (results[0]?.kind !== 'relayed') throw new Error('not relayed');
}

/** nodemailer offers no switch: its stuffing stream is replaced by one that passes native stuffing through, in one corked write. */
function nodemailer(name: string, prepare: (connection: SMTPConnection) => void): Way {
  return {
    name,
    async open(port) {
      const connection = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true, logger: false });
      await new Promise<void>((resolve, reject) => connection.connect((error?: Error) => (error ? reject(error) : resolve())));
      prepare(connection);
      const send = (content: Buffer) =>
        new Promise<void>((resolve, reject) => connection.send(ENVELOPE, content, (error: Error | null) => (error ? reject(error) : resolve())));
      return { send, close: async () => connection.close() };
    },
  };
}

interface Internals {
  _socket: { cork(): void; uncork(): void; write(bytes: Buffer): void };
  _createSendStream(callback: (error: Error | null, text?: string) => void): { write(content: Buffer): void; end(): void };
  _actionSMTPStream(text: string, callback: unknown): void;
  _responseActions: ((text: string) => void)[];
}

function nativeStuffing(connection: SMTPConnection): void {
  const inner = connection as unknown as Internals;
  const original = inner._createSendStream;
  if (typeof original !== 'function') throw new Error('nodemailer has changed: _createSendStream is gone');
  inner._createSendStream = (callback) => {
    inner._responseActions.push((text) => inner._actionSMTPStream(text, callback));
    return { write: (content: Buffer) => writeStuffed(inner, content), end: () => {} };
  };
}

function writeStuffed(inner: Internals, content: Buffer): void {
  const stuffer = new DotStuffer();
  inner._socket.cork();
  inner._socket.write(stuffer.push(content));
  inner._socket.write(stuffer.end());
  inner._socket.uncork();
}

const ways: readonly Way[] = [nodemailer('nodemailer as it is', () => {}), nodemailer('nodemailer, native dot-stuffing', nativeStuffing), lean];

async function measure(way: Way, port: number, content: Buffer): Promise<number> {
  const connection = await way.open(port);
  for (let warm = 0; warm < 200; warm++) await connection.send(content);
  const before = process.cpuUsage();
  for (let sent = 0; sent < messages; sent++) await connection.send(content);
  const { user, system } = process.cpuUsage(before);
  await connection.close();
  return (user + system) / messages;
}

function contentOf(size: number): Buffer {
  const header = 'From: <sender@example.org>\r\nTo: <recipient@example.net>\r\nSubject: bench\r\n\r\n';
  const text = `${'0123456789'.repeat(7)}ab\r\n`;
  return Buffer.from(header + text.repeat(Math.ceil(size / text.length))).subarray(0, size);
}

const sink = fork(fileURLToPath(new URL('raw-sink.ts', import.meta.url)));
const [port] = (await once(sink, 'message')) as [number];
for (const size of [4096, 102_400]) {
  const content = contentOf(size);
  const figures = ways.map(() => [] as number[]);
  for (let run = 0; run < runs; run++) for (const [index, way] of ways.entries()) figures[index]?.push(await measure(way, port, content));
  for (const [index, way] of ways.entries()) {
    const sorted = (figures[index] ?? []).toSorted((a, b) => a - b);
    const [low = 0, median = 0, high = 0] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
    console.log(`| ${way.name} | ${size / 1024} KB | ${median.toFixed(0)} | ${low.toFixed(0)} to ${high.toFixed(0)} |`);
  }
}
sink.disconnect();
