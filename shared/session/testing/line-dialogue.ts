// A client for tests of line protocols (IMAP, POP3) that says exactly what the test says, so that a test reads like a transcript. It owns one
// socket. What can fail: an unexpected line, a connection that ends or nothing in time; each error shows the transcript so far.
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export interface LineDialogueOptions {
  readonly port: number;
  readonly host?: string;
  /** Implicit TLS from the first byte. */
  readonly tls?: ConnectionOptions;
  /** How long a line may take, in milliseconds. */
  readonly patience?: number;
}

/** Connects and waits for nothing: the greeting is the first line. */
export async function openLineDialogue({ port, host = '127.0.0.1', tls, patience = 5_000 }: LineDialogueOptions): Promise<LineDialogue> {
  const open = { host, port };
  const socket = tls ? connectTls({ rejectUnauthorized: false, ...tls, ...open }) : connectTcp(open);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once(tls ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return new LineDialogue(socket, patience);
}

export class LineDialogue implements AsyncDisposable {
  /** Everything said so far, one `C:` or `S:` line each. */
  readonly said: string[] = [];
  #socket: Socket;
  readonly #patience: number;
  /** What has come and was not taken; joined only where a line or a count of bytes lies across chunks. */
  #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket, patience: number) {
    this.#socket = socket;
    this.#patience = patience;
    this.#listen();
  }

  /**
   * Lines `C: text` are sent with CR LF; `S: text` expects exactly this line, `*` standing for anything; `S: closed` expects the end; blank
   * lines and `#` are skipped.
   */
  async transcript(text: string): Promise<void> {
    for (const line of text.split('\n').map((raw) => raw.trim())) {
      if (line === 'S: closed') await this.closed();
      else if (line.startsWith('S: ') || line === 'S:') await this.expect(line.slice(3));
      else if (line.startsWith('C: ') || line === 'C:') this.send(line.slice(3));
      else if (line !== '' && !line.startsWith('#')) throw new Error(`A transcript line starts with "C: ", "S: " or "#": ${line}`);
    }
  }

  /** Sends a line and CR LF, and returns the line that comes, which must match when a pattern is given. */
  async command(line: string, expected = '*'): Promise<string> {
    this.send(line);
    return await this.expect(expected);
  }

  /** Sends lines, each with CR LF, in one write, waiting for nothing. */
  send(...lines: readonly string[]): void {
    this.said.push(...lines.map((line) => `C: ${line}`));
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** Sends bytes as they are. */
  sendRaw(bytes: string | Uint8Array): void {
    this.said.push(
      `C: ${Buffer.from(bytes as string)
        .toString('latin1')
        .slice(0, 80)}`,
    );
    this.#socket.write(bytes);
  }

  /** The next line without its CR LF. */
  async line(): Promise<string> {
    let end = this.#lineEnd();
    await this.#until('a line', () => {
      end = this.#lineEnd();
      return end >= 0 || this.#ended;
    });
    if (end < 0) throw this.#failure('expected a line, but the connection has ended');
    const line = this.#take(end + 2)
      .toString('utf8')
      .slice(0, -2);
    this.said.push(`S: ${line.slice(0, 200)}`);
    return line;
  }

  /** The next `length` bytes: a literal. */
  async bytes(length: number): Promise<Buffer> {
    await this.#until(`${length} bytes`, () => this.#length >= length || this.#ended);
    if (this.#length < length) throw this.#failure(`expected ${length} bytes, but the connection has ended`);
    this.said.push(`S: (${length} raw)`);
    return this.#take(length);
  }

  async expect(pattern: string): Promise<string> {
    const line = await this.line();
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    if (!new RegExp(`^${parts.join('.*')}$`, 's').test(line)) throw this.#failure(`expected ${pattern}`);
    return line;
  }

  /** Resolves when the server has closed the connection; a further line is an error. */
  async closed(): Promise<void> {
    await this.#until('the end of the connection', () => this.#ended || this.#length > 0);
    if (this.#length > 0) throw this.#failure(`expected the end of the connection, not ${JSON.stringify(this.#joined().toString('latin1', 0, 200))}`);
    this.said.push('S: closed');
  }

  /** The handshake, after the command that asks for it was answered. */
  async startTls(options: ConnectionOptions = {}): Promise<void> {
    this.#socket.removeAllListeners();
    const socket = connectTls({ rejectUnauthorized: false, ...options, socket: this.#socket });
    this.#socket = socket;
    let done = false;
    socket.once('secureConnect', () => {
      done = true;
      this.#wake();
    });
    this.#listen();
    await this.#until('a handshake', () => done || this.#ended);
    if (!done) throw this.#failure('no handshake');
  }

  /** Stops reading, as a client that is stuck; or goes on. */
  stall(stalled: boolean): void {
    if (stalled) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Bytes that the server has taken so far. */
  get taken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Closes our side: we have said all. */
  finish(): void {
    this.#socket.end();
  }

  /** Ends the connection at once with a reset, as a crashed client. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise((resolve) => this.#socket.once('close', resolve).destroy());
  }

  #listen(): void {
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    this.#socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    this.#socket.on('error', end).on('end', end).on('close', end);
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    const whole = first.length < length ? this.#joined() : first;
    this.#chunks[0] = whole.subarray(length);
    this.#length -= length;
    if (this.#chunks[0].length === 0) this.#chunks.shift();
    return whole.subarray(0, length);
  }

  #lineEnd(): number {
    const end = this.#chunks[0]?.indexOf('\r\n') ?? -1;
    return end >= 0 ? end : this.#joined().indexOf('\r\n');
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const timeUp = AbortSignal.timeout(this.#patience);
    timeUp.onabort = () => this.#wake();
    while (!condition()) {
      if (timeUp.aborted) throw this.#failure(`no sign of ${what} in ${this.#patience} ms`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #failure(what: string): Error {
    return new Error(`${what}\n${this.said.slice(-30).join('\n')}`);
  }
}
