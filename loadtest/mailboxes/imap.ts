// A lean IMAP client: it counts what comes instead of reading it, so that a listing of 100,000 messages costs it little. Owns one socket.
// What can fail: a NO or BAD, an end of the connection; each rejects what waits.
import { connect, type Socket } from 'node:net';
import { accountName, PASSWORD } from './mail-target.ts';

export interface Answer {
  /** Milliseconds from sending to the tagged response. */
  readonly took: number;
  /** Lines that came, the tagged one left out. */
  readonly lines: number;
  readonly bytes: number;
  /** The first octets that came, enough for a short answer. */
  readonly start: string;
}

export interface ImapSession {
  /** Sends a command and waits for its OK. */
  ok(command: string): Promise<Answer>;
  /** Begins IDLE; `told` gets each piece of text that comes from then on. Resolves when the server waits. */
  idle(told: (text: string) => void): Promise<void>;
  close(): void;
}

const REMEMBERED = 64 * 1024;
const NEWLINE = 10;

/** Connects and logs in as account `index`. */
export async function openImap(port: number, index: number): Promise<ImapSession> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const session = new Session(socket);
  await session.line('* OK');
  await session.ok(`LOGIN ${accountName(index)} ${PASSWORD}`);
  return session;
}

class Session implements ImapSession {
  readonly #socket: Socket;
  #number = 0;
  #take: (chunk: Buffer) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the IMAP connection was closed')));
  }

  /** A line that must begin so: a greeting or a continuation. */
  line(beginning: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let text = '';
      this.#fail = reject;
      this.#take = (chunk) => {
        text += chunk.toString('latin1');
        if (!text.includes('\n')) return;
        if (text.startsWith(beginning)) resolve();
        else reject(new Error(`expected ${beginning}, not ${text}`));
      };
    });
  }

  ok(command: string): Promise<Answer> {
    const tag = `t${++this.#number}`;
    const began = performance.now();
    return new Promise((resolve, reject) => {
      let [lines, bytes, start, tail] = [0, 0, '', ''];
      this.#fail = reject;
      this.#take = (chunk) => {
        bytes += chunk.length;
        lines += newlinesOf(chunk);
        if (start.length < REMEMBERED) start += chunk.toString('latin1', 0, REMEMBERED);
        tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 512))).slice(-512);
        if (!tail.endsWith('\r\n')) return;
        const last = tail.slice(tail.lastIndexOf('\n', tail.length - 2) + 1);
        if (!last.startsWith(`${tag} `)) return;
        if (last.startsWith(`${tag} OK`)) resolve({ took: performance.now() - began, lines: lines - 1, bytes, start });
        else reject(new Error(`${command}: ${last.trim()}`));
      };
      this.#socket.write(`${tag} ${command}\r\n`);
    });
  }

  async idle(told: (text: string) => void): Promise<void> {
    const waits = this.line('+ ');
    this.#socket.write(`t${++this.#number} IDLE\r\n`);
    await waits;
    this.#take = (chunk) => told(chunk.toString('latin1'));
  }

  close(): void {
    this.#fail = () => {};
    this.#socket.destroy();
  }
}

function newlinesOf(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
