// One SMTP connection of the source: greeting, EHLO, replies. Owns the socket; whatever ends it is told once as `lost`, unless we
// closed it ourselves.
import { connect, type Socket } from 'node:net';
import type { LoadMessage } from './message.ts';

export interface SourceConnection {
  /** Who gets the replies from here on. */
  onReply(listener: (code: number, text: string) => void): void;
  write(text: string): void;
  writeMessage(message: LoadMessage): void;
  /** Gives the connection up for a reason that `lost` is told. */
  fail(reason: string): void;
  /** Closes it without telling. */
  close(): void;
}

export interface ConnectionEvents {
  /** EHLO is answered. */
  ready(): void;
  lost(reason: string): void;
  /** Whether a reply is due; only then a silent server is given up. */
  waiting(): boolean;
}

/** Connects; milliseconds without a due reply end it after `replyTimeout`. */
export function openConnection(
  at: { readonly host: string; readonly port: number; readonly replyTimeout: number },
  events: ConnectionEvents,
): SourceConnection {
  const socket = connect({ host: at.host, port: at.port, noDelay: true });
  let listener: (code: number, text: string) => void = greeting;
  let lastWords = 'nothing';
  let open = true;

  const close = () => {
    open = false;
    socket.destroy();
  };
  const fail = (reason: string) => {
    if (!open) return;
    close();
    events.lost(reason);
  };
  function greeting(code: number, text: string): void {
    if (code !== 220) return fail(text);
    listener = (answer, words) => (answer === 250 ? events.ready() : fail(words));
    socket.write('EHLO source.load.example\r\n', 'latin1');
  }
  socket.setTimeout(at.replyTimeout, () => events.waiting() && fail(`no reply for ${at.replyTimeout} ms`));
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail(`connection closed after: ${lastWords}`));
  readReplies(socket, (code, text) => {
    if (!open) return;
    lastWords = text;
    // RFC 5321 section 3.8: 421 says that the server closes the connection.
    if (code === 421) fail(text);
    else listener(code, text);
  });
  return {
    onReply: (next) => {
      listener = next;
    },
    write: (text) => socket.write(text, 'latin1'),
    writeMessage({ header, body }) {
      socket.cork();
      socket.write(header, 'latin1');
      socket.write(body);
      socket.uncork();
    },
    fail,
    close,
  };
}

/** Calls back once per complete reply with its code and last line (RFC 5321 section 4.2). */
function readReplies(socket: Socket, onReply: (code: number, text: string) => void): void {
  let pending = '';
  socket.on('data', (chunk: Buffer) => {
    const text = pending + chunk.toString('latin1');
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (text[from + 3] !== '-') onReply(Number(text.slice(from, from + 3)), text.slice(from, end).trimEnd());
      from = end + 1;
    }
    pending = text.slice(from);
  });
}
