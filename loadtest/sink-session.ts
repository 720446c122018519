// One SMTP server session of the sink. Reads no more than it must: commands by their first letter, content only for the
// load number and the final dot. Owns the socket's parsing state; what arrives goes to the recorder it was given.
import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { type LoadNumber, NUMBER_FIELD, readLoadNumber } from './message.ts';

const FINAL_DOT = Buffer.from('\r\n.\r\n');
const FIELD = Buffer.from(NUMBER_FIELD);
const HEADER_END = Buffer.from('\r\n\r\n');
/** The load number must stand in the first bytes: relays put their own fields before it. */
const HEADER_LIMIT = 65_536;
const EHLO_REPLY = '250-sink.load.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n';

/** How a destination behaves: takes mail, answers each command late, answers 4xx or 5xx to RCPT, or is not there at all. */
export type SinkMode = 'accept' | 'tarpit' | 'defer' | 'reject' | 'refuse';

/** What a session asks of the sink it belongs to. */
export interface SinkBehaviour {
  mode(): SinkMode;
  /** Milliseconds before each reply while the mode is tarpit. */
  readonly tarpitDelay: number;
  /** Sums of content are wanted. */
  readonly sums: boolean;
  /** A message is complete; answers whether to cut the connection instead of replying 250. `sum`: CRC-32 of its body with the final dot. */
  arrived(load: LoadNumber | undefined, recipients: readonly number[], sum: number): 'reply' | 'cut';
}

/** Serves one connection until it closes. Socket errors end the session and are the client's to notice. */
export function serveSink(socket: Socket, behaviour: SinkBehaviour): void {
  const content = contentReader(behaviour.sums);
  let recipients: number[] = [];
  let inContent = false;
  let pending = '';
  let out = '';

  const flush = () => {
    const text = out;
    out = '';
    if (text === '' || socket.destroyed) return;
    if (behaviour.mode() === 'tarpit') setTimeout(() => socket.writable && socket.write(text), behaviour.tarpitDelay).unref();
    else socket.write(text, 'latin1');
  };
  const rcpt = (line: string): string => {
    if (behaviour.mode() === 'defer') return '450 4.2.1 Mailbox busy, try again later\r\n';
    if (behaviour.mode() === 'reject') return '550 5.1.1 No such mailbox\r\n';
    recipients.push(recipientIndex(line));
    return '250 2.1.5 Ok\r\n';
  };
  const command = (line: string): string => {
    switch (line.slice(0, 4).toUpperCase()) {
      case 'EHLO':
        return EHLO_REPLY;
      case 'HELO':
        return '250 sink.load.example\r\n';
      case 'MAIL':
        recipients = [];
        return '250 2.1.0 Ok\r\n';
      case 'RCPT':
        return rcpt(line);
      case 'DATA':
        if (recipients.length === 0) return '554 5.5.1 No valid recipients\r\n';
        inContent = true;
        content.start();
        return '354 End data with <CR><LF>.<CR><LF>\r\n';
      case 'RSET':
        recipients = [];
        return '250 2.0.0 Ok\r\n';
      case 'NOOP':
        return '250 2.0.0 Ok\r\n';
      case 'QUIT':
        socket.end(`${out}221 2.0.0 Bye\r\n`);
        out = '';
        return '';
      default:
        return '500 5.5.2 Unknown command\r\n';
    }
  };
  const readCommands = (chunk: Buffer, from: number): number => {
    const end = chunk.indexOf(10, from);
    if (end < 0) {
      pending += chunk.toString('latin1', from);
      if (pending.length > HEADER_LIMIT) socket.destroy();
      return chunk.length;
    }
    const line = pending + chunk.toString('latin1', from, end);
    pending = '';
    out += command(line);
    return end + 1;
  };
  const readContent = (chunk: Buffer, from: number): number => {
    const end = content.read(chunk, from);
    if (end < 0) return chunk.length;
    inContent = false;
    if (behaviour.arrived(content.load(), recipients, content.sum()) === 'cut') {
      socket.destroy();
      return chunk.length;
    }
    recipients = [];
    out += '250 2.0.0 Ok\r\n';
    return end;
  };

  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let at = 0;
    while (at < chunk.length && !socket.destroyed) at = inContent ? readContent(chunk, at) : readCommands(chunk, at);
    flush();
  });
  out = '220 sink.load.example ESMTP\r\n';
  flush();
}

/** Finds the final dot across chunks and the load number near the start. */
function contentReader(sums: boolean) {
  let tail: Buffer = Buffer.alloc(0);
  let head: Buffer = Buffer.alloc(0);
  let load: LoadNumber | undefined;
  let sum = 0;
  const look = (part: Buffer) => {
    if (load && sums) sum = crc32(part, sum);
    if (load || head.length > HEADER_LIMIT) return;
    head = head.length === 0 ? part : Buffer.concat([head, part]);
    const at = head.indexOf(FIELD);
    const body = at < 0 ? -1 : head.indexOf(HEADER_END, at);
    if (body < 0) return;
    load = readLoadNumber(head, at + FIELD.length);
    if (sums) sum = crc32(head.subarray(body + HEADER_END.length));
  };
  return {
    /** Content begins; the line before it has ended, so a first line of one dot ends it. */
    start(): void {
      tail = Buffer.from('\r\n');
      head = Buffer.alloc(0);
      load = undefined;
      sum = 0;
    },
    /** The offset after the final dot, or -1 when the content goes on after this chunk. */
    read(chunk: Buffer, from: number): number {
      const seam = Buffer.concat([tail, chunk.subarray(from, from + FINAL_DOT.length - 1)]);
      const across = seam.indexOf(FINAL_DOT);
      const inside = across >= 0 ? -1 : chunk.indexOf(FINAL_DOT, from);
      const end = across >= 0 ? from + across + FINAL_DOT.length - tail.length : inside >= 0 ? inside + FINAL_DOT.length : -1;
      look(chunk.subarray(from, end < 0 ? chunk.length : end));
      // Copied: a view would keep the whole chunk alive.
      if (end < 0) tail = Buffer.from((chunk.length - from >= 4 ? chunk : seam).subarray(-4));
      return end;
    },
    load: () => load,
    sum: () => sum,
  };
}

/** The k of `RCPT TO:<rk@domain>`; -1 for an address that no source of ours wrote. */
function recipientIndex(line: string): number {
  const match = /<r(\d{1,6})@/i.exec(line);
  return match ? Number(match[1]) : -1;
}
