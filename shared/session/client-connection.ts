// One client of a line protocol (IMAP, POP3): read in lines and counted bytes, only as fast as the session asks; written with backpressure;
// upgraded to TLS. Owns the socket. Nothing that a client does throws but a literal that breaks off; the rest is a value.
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '#shared/telemetry/clock.ts';
import { type Line, LineParser } from './line-parser.ts';
import type { TlsFacts } from './tls.ts';

export type Received =
  | Line
  /** The client has left, or the connection is closed. */
  | { readonly kind: 'ended' }
  /** The client was silent for longer than `patience`. */
  | { readonly kind: 'timeout' }
  /** We shut down, and the session said that it can be left here. */
  | { readonly kind: 'draining' };

/** The client left in the middle of the bytes that it had announced. */
export class ConnectionEndedError extends Error {
  override readonly name = 'ConnectionEndedError';
}

/** Lines in one turn of the event loop: heavy pipelining must not starve the other sessions. */
const LINES_PER_TURN = 100;
/** Milliseconds for which a client may go on sending behind our last word: a reset would take that word from it. */
const LINGER = 2_000;
/** Milliseconds of silence after which the network is asked whether the client is still there: it may hold a lock. */
const KEEP_ALIVE = 120_000;

export class ClientConnection {
  /** From PROXY protocol where that is on. */
  address: string;
  /** The address says who the client is: it is not a proxy's. */
  addressKnown: boolean;
  tls: TlsFacts | null = null;
  /** Milliseconds of silence, or of replies not read, after which the client is given up. */
  patience: number;
  readonly #clock: Clock;
  #socket: Socket;
  readonly #input = new LineParser();
  readonly #closing = new AbortController();
  #waiting: (() => void)[] = [];
  #lines = 0;
  #corked = false;
  #inputEnded = false;
  #ending = false;
  #draining = false;
  #readDeadline = Number.POSITIVE_INFINITY;
  #writeDeadline = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, clock: Clock, patience: number, addressKnown: boolean) {
    this.#socket = socket;
    this.#clock = clock;
    this.patience = patience;
    // A zone (`fe80::1%eth0`) means something on this host only.
    this.address = (socket.remoteAddress ?? '').replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, '');
    this.addressKnown = addressKnown;
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
    this.#attach(socket);
  }

  /** Fires when the socket is gone: ends delays and work for nobody. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * The next line of at most `limit` bytes. Replies written so far are sent before it waits. Ends with `draining` when the server shuts
   * down and the session `drains` here. A time-out counts from the call, so a line that trickles in byte by byte has no more time.
   */
  async readLine(limit: number, drains: boolean): Promise<Received> {
    if (++this.#lines % LINES_PER_TURN === 0) await nextTurn();
    let line = this.#input.next(limit);
    if (line !== null && this.#socket.writableNeedDrain) await this.flush();
    // Nobody hears the answers any more: what a client that has gone sent ahead is not done.
    if (this.#ending || this.#socket.destroyed) return { kind: 'ended' };
    if (line !== null) return line;
    await this.flush();
    this.#readDeadline = this.#clock.monotonic() + this.patience;
    for (; line === null; line = this.#input.next(limit)) {
      if (this.#pull()) continue;
      const over = this.#over(drains);
      if (over) return over;
      await this.#change();
    }
    this.#readDeadline = Number.POSITIVE_INFINITY;
    return line;
  }

  /** The next `length` bytes, as they come. Throws ConnectionEndedError when they do not; whoever stops early ends the connection. */
  async *readBytes(length: number): AsyncGenerator<Buffer, void> {
    let left = length;
    try {
      for (; left > 0; ) {
        const chunk = this.#input.rest(left);
        left -= chunk.length;
        if (chunk.length > 0) yield chunk;
        else await this.#moreBytes();
      }
    } finally {
      if (left > 0) this.cut();
    }
  }

  /** More is written than the client has taken: time to `flush`. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Puts text or bytes in line; they leave together at `flush`, or when `readLine` waits. */
  write(data: string | Buffer): void {
    if (this.#ending || !this.#socket.writable) return;
    if (!this.#corked) this.#socket.cork();
    this.#corked = true;
    this.#socket.write(data);
  }

  /** Sends what was written; resolves when the client has taken enough of it, or is gone. One that takes nothing for `patience` is cut. */
  async flush(): Promise<void> {
    this.#uncork();
    while (this.#socket.writableNeedDrain && !this.#socket.destroyed) {
      this.#writeDeadline = this.#clock.monotonic() + this.patience;
      await this.#change();
    }
    this.#writeDeadline = Number.POSITIVE_INFINITY;
  }

  /** Says `reply`, drops all that the client sent before it (CVE-2011-0411), and shakes hands. False: the connection is gone. */
  async upgrade(reply: string, context: SecureContext, patience: number): Promise<boolean> {
    while (this.#pull());
    this.#input.rest();
    this.write(reply);
    await this.#sent();
    return await this.handshake(context, patience);
  }

  /** Shakes hands within `patience` milliseconds; what has come and was not read is the beginning of it. False: the connection is gone. */
  async handshake(context: SecureContext, patience: number): Promise<boolean> {
    const plain = this.#socket;
    if (plain.destroyed) return false;
    plain.off('readable', this.#wake).off('end', this.#onEnd).off('drain', this.#wake);
    const hello = this.#input.rest();
    if (hello.length > 0) plain.unshift(hello);
    const secure = new TLSSocket(plain, { isServer: true, secureContext: context });
    this.#socket = secure;
    this.#attach(secure);
    let done = false;
    secure.once('secure', () => {
      done = true;
      this.#wake();
    });
    this.#writeDeadline = this.#clock.monotonic() + patience;
    while (!done && !secure.destroyed && !this.#inputEnded) await this.#change();
    this.#writeDeadline = Number.POSITIVE_INFINITY;
    if (!done || secure.destroyed) {
      this.cut();
      return false;
    }
    this.tls = { version: secure.getProtocol() ?? 'TLS', cipher: secure.getCipher().name };
    return true;
  }

  /** Sends what was written, however slowly the client takes it, and closes; resolves when the connection is gone. */
  async end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    await this.#sent();
    this.#writeDeadline = this.#clock.monotonic() + LINGER;
    this.#socket.off('readable', this.#wake);
    this.#socket.end();
    this.#socket.resume();
    while (!this.closed.aborted) await this.#change();
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#socket.destroy();
  }

  /** The server shuts down: a session that waits where it can be left is told. */
  drain(): void {
    this.#draining = true;
    this.#wake();
  }

  /** Looks at the time-outs; called about twice a second. */
  sweep(now: number): void {
    if (now >= this.#writeDeadline) this.cut();
    else if (now >= this.#readDeadline) this.#wake();
  }

  #attach(socket: Socket): void {
    socket.on('readable', this.#wake).on('end', this.#onEnd).on('drain', this.#wake);
    // Errors (resets, failed handshakes) are the client's own; the close that follows is what counts.
    socket.on('error', () => socket.destroy());
    socket.on('_tlsError', () => socket.destroy());
    socket.once('close', () => {
      if (socket !== this.#socket) return this.cut();
      this.#closing.abort('closed');
      this.#wake();
    });
  }

  readonly #onEnd = (): void => {
    this.#inputEnded = true;
    this.#wake();
  };

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  };

  /** Resolves at the next event that may matter. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes what the socket holds; false when that is nothing. */
  #pull(): boolean {
    const chunk = this.#socket.read() as Buffer | null;
    if (chunk === null) return false;
    this.#input.push(chunk);
    return true;
  }

  #over(drains: boolean): Received | null {
    if (this.#inputEnded || this.#ending || this.closed.aborted || this.#socket.destroyed) return { kind: 'ended' };
    if (drains && this.#draining) return { kind: 'draining' };
    return this.#clock.monotonic() >= this.#readDeadline ? { kind: 'timeout' } : null;
  }

  async #moreBytes(): Promise<void> {
    await this.flush();
    this.#readDeadline = this.#clock.monotonic() + this.patience;
    while (!this.#pull()) {
      const over = this.#over(false);
      if (over) throw new ConnectionEndedError(`${over.kind} within announced bytes`);
      await this.#change();
    }
    this.#readDeadline = Number.POSITIVE_INFINITY;
  }

  #uncork(): void {
    if (this.#corked) this.#socket.uncork();
    this.#corked = false;
  }

  /** Resolves when all that was written has left this process: TLS takes over the wire behind it. */
  async #sent(): Promise<void> {
    this.#uncork();
    this.#writeDeadline = this.#clock.monotonic() + this.patience;
    while (this.#socket.writableLength > 0 && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#socket.write('', () => resolve());
      });
    }
    this.#writeDeadline = Number.POSITIVE_INFINITY;
  }
}
