// Reads a socket as lines and as SMTP content. It owns the socket's `data` events until it is detached; bytes it has not given out are lost then.
import type { Socket } from 'node:net';

export type LineReader = {
  /** The next line without its CR LF; undefined when the connection has ended. */
  line(): Promise<string | undefined>;
  /** All up to CR LF `.` CR LF, dot-stuffing undone (RFC 5321 section 4.5.2); undefined when the connection ended before. */
  content(): Promise<Buffer | undefined>;
  detach(): void;
};

const CRLF = Buffer.from('\r\n');
const END = Buffer.from('\r\n.\r\n');
const DOT_LINE = '.\r\n'.length;

export function lineReader(socket: Socket): LineReader {
  let chunks: Buffer[] = [];
  let ended = false;
  let wake = () => {};
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    wake();
  };
  const onEnd = () => {
    ended = true;
    wake();
  };
  socket.on('data', onData).on('end', onEnd).on('close', onEnd);

  const all = () => {
    if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
    return chunks[0] ?? Buffer.alloc(0);
  };
  const take = (length: number) => {
    const buffer = all();
    chunks = length < buffer.length ? [buffer.subarray(length)] : [];
    return buffer.subarray(0, length);
  };
  const more = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });

  return {
    async line() {
      for (;;) {
        const at = all().indexOf(CRLF);
        if (at >= 0)
          return take(at + CRLF.length)
            .toString('utf8')
            .slice(0, -CRLF.length);
        if (ended) return undefined;
        await more();
      }
    },
    async content() {
      const parts: Buffer[] = [];
      for (let carry: Buffer = CRLF; ; await more()) {
        const chunk = all();
        const window = Buffer.concat([carry, chunk]);
        const at = window.indexOf(END);
        const end = at + END.length - carry.length;
        parts.push(take(at < 0 ? chunk.length : end));
        if (at >= 0) return unstuffed(Buffer.concat(parts).subarray(0, -DOT_LINE));
        if (ended) return undefined;
        carry = window.subarray(1 - END.length);
      }
    },
    detach() {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
    },
  };
}

function unstuffed(content: Buffer): Buffer {
  if (content[0] !== 0x2e && !content.includes('\r\n.')) return content;
  return Buffer.from(content.toString('latin1').replace(/^\./, '').replaceAll('\r\n.', '\r\n'), 'latin1');
}
