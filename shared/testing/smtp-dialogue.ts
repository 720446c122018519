// An SMTP client for tests that says exactly what the test says, so that a test reads like a transcript. It owns one socket. What can
// fail: an unexpected reply, a connection that ends or nothing in time; each error shows the transcript so far.
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export type DialogueOptions = {
  readonly host?: string;
  readonly port: number;
  /** Implicit TLS from the first byte. */
  readonly tls?: ConnectionOptions;
  /** How long a reply may take, in milliseconds. */
  readonly patience?: number;
};

/** One reply, the lines of a multi-line reply together (RFC 5321 section 4.2.1). */
export type Reply = { readonly code: number; readonly lines: readonly string[] };

export type Dialogue = AsyncDisposable & {
  /** Lines `C: text` are sent with CR LF; lines `S: 250 text` expect a reply (see `expect`); `S: closed` expects the end; blank lines and `#` are skipped. */
  transcript(text: string): Promise<void>;
  /** Sends a line and CR LF, and waits for its reply, which must match when a pattern is given. */
  command(line: string, expected?: string): Promise<Reply>;
  /** Sends lines, each with CR LF, in one write, waiting for nothing: pipelining (RFC 2920). */
  send(...lines: readonly string[]): void;
  /** Sends bytes as they are. */
  sendRaw(bytes: string | Uint8Array): void;
  /** The next reply. */
  reply(): Promise<Reply>;
  /** The next reply, with this code and, when text follows, at least one line that is this text; `*` stands for anything. */
  expect(pattern: string): Promise<Reply>;
  /** Resolves when the server has closed the connection, by FIN or reset; a further reply is an error. */
  closed(): Promise<void>;
  /** STARTTLS and its handshake. */
  startTls(options?: ConnectionOptions): Promise<void>;
  /** Ends the connection at once with a reset, as a crashed client. */
  reset(): void;
  /** Everything said so far, one `C:` or `S:` line each. */
  readonly said: readonly string[];
  /** Our address and port, which a log or a Received header may show. */
  readonly local: { readonly address: string; readonly port: number };
};

/** Connects and waits for nothing: the greeting is the first reply. */
export async function openDialogue({ host = '127.0.0.1', port, tls, patience = 5_000 }: DialogueOptions): Promise<Dialogue> {
  const open = { host, port };
  const session = new Session(tls ? connectTls({ rejectUnauthorized: false, ...tls, ...open }) : connectTcp(open), patience);
  await session.connected(tls ? 'secureConnect' : 'connect');
  return session;
}

class Session implements Dialogue {
  readonly said: string[] = [];
  #socket: Socket;
  readonly #patience: number;
  readonly #decoder = new TextDecoder();
  #pending = '';
  readonly #lines: string[] = [];
  #ended: string | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket, patience: number) {
    this.#socket = socket;
    this.#patience = patience;
    this.#listen();
  }

  get local() {
    return { address: this.#socket.localAddress ?? '', port: this.#socket.localPort ?? 0 };
  }

  async connected(event: 'connect' | 'secureConnect'): Promise<void> {
    let open = false;
    this.#socket.once(event, () => {
      open = true;
      this.#wake();
    });
    await this.#until('a connection', () => open || this.#ended !== undefined);
    if (!open) throw this.#failure(`no connection: ${this.#ended}`);
  }

  async transcript(text: string): Promise<void> {
    for (const line of text.split('\n').map((raw) => raw.trim())) {
      if (line === 'S: closed') await this.closed();
      else if (line.startsWith('S: ')) await this.expect(line.slice(3));
      else if (line.startsWith('C: ') || line === 'C:') this.send(line.slice(3));
      else if (line !== '' && !line.startsWith('#')) throw new Error(`A transcript line starts with "C: ", "S: " or "#": ${line}`);
    }
  }

  async command(line: string, expected?: string): Promise<Reply> {
    this.send(line);
    return expected === undefined ? await this.reply() : await this.expect(expected);
  }

  send(...lines: readonly string[]): void {
    this.said.push(...lines.map((line) => `C: ${line}`));
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  sendRaw(bytes: string | Uint8Array): void {
    this.said.push(
      `C: ${JSON.stringify(
        Buffer.from(bytes as string)
          .toString('latin1')
          .slice(0, 200),
      )}`,
    );
    this.#socket.write(bytes);
  }

  async reply(): Promise<Reply> {
    const last = () => this.#lines.findIndex((line) => !/^\d{3}-/.test(line));
    await this.#until('a reply', () => last() >= 0 || this.#ended !== undefined);
    if (last() < 0) throw this.#failure(`expected a reply, but ${this.#ended}`);
    const lines = this.#lines.splice(0, last() + 1);
    if (!lines.every((line) => /^\d{3}([ -]|$)/.test(line))) throw this.#failure('this is no SMTP reply');
    return { code: Number(lines[0]?.slice(0, 3)), lines: lines.map((line) => line.slice(4)) };
  }

  async expect(pattern: string): Promise<Reply> {
    const reply = await this.reply();
    const [code = '', ...rest] = pattern.split(' ');
    const text = rest.join(' ');
    const matches = String(reply.code) === code && (text === '' || reply.lines.some((line) => glob(text).test(line)));
    if (!matches) throw this.#failure(`expected ${pattern}`);
    return reply;
  }

  async closed(): Promise<void> {
    await this.#until('the end of the connection', () => this.#ended !== undefined || this.#lines.length > 0);
    if (this.#lines.length > 0) throw this.#failure('expected the end of the connection');
  }

  async startTls(options: ConnectionOptions = {}): Promise<void> {
    await this.command('STARTTLS', '220');
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ rejectUnauthorized: false, ...options, socket: this.#socket });
    this.#listen();
    await this.connected('secureConnect');
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    await new Promise((resolve) => this.#socket.once('close', resolve).destroy());
  }

  #listen(): void {
    const end = (how: string) => {
      this.#ended ??= how;
      this.#wake();
    };
    this.#socket.on('data', (chunk: Buffer) => this.#take(this.#decoder.decode(chunk, { stream: true })));
    this.#socket.on('error', (error) => end(`the connection broke: ${error.message}`));
    this.#socket.on('end', () => end('the server closed the connection'));
    this.#socket.on('close', () => end('the connection is closed'));
  }

  #take(text: string): void {
    const lines = (this.#pending + text).split('\r\n');
    this.#pending = lines.pop() ?? '';
    this.#lines.push(...lines);
    this.said.push(...lines.map((line) => `S: ${line}`));
    this.#wake();
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

function glob(pattern: string): RegExp {
  const literal = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`);
}
