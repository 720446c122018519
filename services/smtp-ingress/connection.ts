// smtp-server's connection (socket, TLS upgrade, half-close), tamed: it greets at once, times out by our clock, speaks only replies of our
// table, and hands lines and data to the session built on it. Owns the socket and the replies not yet written.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { clientKey } from '#shared/session/connection-counts.ts';
import type { Line } from '#shared/session/line-parser.ts';
import type { TlsFacts } from '#shared/session/tls.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import { CommandStream, type DataConsumer, type StreamHandler } from './command-stream.ts';
import type { Transaction } from './conversation.ts';
import type { Ingress } from './ingress.ts';
import type { ListenerSettings } from './listener-settings.ts';

export abstract class Connection extends SMTPConnection implements StreamHandler {
  readonly ingress: Ingress;
  readonly listener: ListenerSettings;
  tls: TlsFacts | null = null;
  transaction: Transaction | null = null;
  working = false;
  /** Called once, when the socket is gone. */
  onClosed: () => void = () => {};
  #top: Socket | undefined;
  readonly #closing = new AbortController();
  /** The client's address says who it is. */
  readonly #known: boolean;
  readonly #counted: string;
  readonly #refused: ServerReply | null;
  /** Not yet written: replies to pipelined commands leave together (RFC 2920 section 3.2). */
  #replies = '';
  /** When the client's silence ends the session; monotonic milliseconds. */
  #deadline = Number.POSITIVE_INFINITY;

  constructor(server: SMTPServer, ingress: Ingress, listener: ListenerSettings, socket: Socket, options?: SMTPConnectionOptions | null) {
    super(server, socket, options);
    this.ingress = ingress;
    this.listener = listener;
    // A zone (`fe80::1%eth0`) means something on this host only.
    this.remoteAddress = this.remoteAddress.replace(/%.*$/, '');
    // With PROXY UNKNOWN the address is the proxy's own.
    this.#known = listener.knowsClients && (!listener.proxied || options?.remoteAddress !== undefined);
    this.#counted = clientKey(this.client);
    this.#refused = this.#enter();
  }

  abstract lineLimit(isAuth: boolean): number;
  abstract onLine(line: Line): Promise<void> | undefined;
  abstract dataConsumer(): DataConsumer | null;
  /** RFC 3207 section 4.2: forgets all that the client said before TLS. */
  protected abstract forget(): void;
  /** The session is over: what is half done is given up. */
  protected abstract abandon(): void;

  get client(): string {
    return this.remoteAddress;
  }

  get trusted(): boolean {
    return this.#known && this.listener.networks.has(this.client);
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  #enter(): ServerReply | null {
    const { connections, limits, hostname } = this.ingress;
    const perClient = this.#known ? limits.connections_per_client : Number.POSITIVE_INFINITY;
    const full = connections.enter(this.#counted, limits.connections, perClient);
    if (full === null) return null;
    return fill(full === 'total' ? replies.tooManyConnections : replies.tooManyFromClient, hostname);
  }

  /** Greets without smtp-server's 100 ms: one turn of the event loop is enough to see who speaks before the greeting. */
  override init(): void {
    const { metrics } = this.ingress.host;
    metrics.ingressConnectionsTotal.inc({ listener: this.listener.name });
    metrics.ingressConnections.inc({ listener: this.listener.name });
    this._setListeners(() => {
      if (this.#refused) return this.#turnAway(this.#refused);
      this.#learnTls();
      this.onData();
      setImmediate(() => this.#greet());
    });
  }

  /** Over a limit, so without the patience that a session's end has for its client. */
  #turnAway(reply: ServerReply): void {
    this.leave(reply);
    this._socket.destroySoon();
  }

  #greet(): void {
    if (this._closing || this._closed) return;
    this._ready = true;
    this.reply(fill(replies.greeting, this.ingress.hostname));
    void this.flush();
  }

  override close(): void {
    this.abandon();
    if (this._upgrading) return this.cut();
    this.#write();
    super.close();
  }

  override _onClose(): void {
    const first = !this._closed;
    super._onClose();
    if (!first) return;
    this.#closing.abort('closed');
    this.abandon();
    this.ingress.host.metrics.ingressConnections.dec({ listener: this.listener.name });
    if (!this.#refused) this.ingress.connections.leave(this.#counted);
    this.onClosed();
  }

  override _onError(error: Error): void {
    this.ingress.host.log.debug({ client: this.client, listener: this.listener.name, error: error.message }, 'connection failed');
    this.close();
  }

  /** Time-outs are ours (`sweep`): a socket's own would start anew with every byte. What we take from it is the socket on top. */
  override _armTimeout(socket: Socket = this._socket): void {
    this.#top = socket;
  }

  /** Ends the connection at once. During a handshake the TLS socket goes, and takes the one below with it: never the reverse. */
  cut(): void {
    (this.#top ?? this._socket).destroy();
  }

  override _createParser(): CommandStream {
    const parser = new CommandStream(this);
    parser.on('error', (error) => this.onFailure(error));
    return parser;
  }

  /** Whatever smtp-server itself wants to say: none of its replies is in our table, and each means the end. */
  override send(): void {
    this.leave(replies.internalError);
  }

  /** Ends the session when the client has been silent, or the transaction has lasted, too long. RFC 5321 section 4.5.3.2. */
  sweep(now: number): void {
    if (this._closing || this._closed || this.working) return;
    const lasted = this.transaction ? now - this.transaction.startedAt : 0;
    if (now < this.#deadline && lasted < this.ingress.limits.transaction_timeout) return;
    if (this._upgrading) this.cut();
    else this.leave(fill(replies.timeout, this.ingress.hostname));
  }

  mayTalk(): boolean {
    return this._ready;
  }

  onEarlyTalk(): void {
    this.leave(replies.earlyTalker);
  }

  /** Called for each command line and each chunk of data; a line that trickles in byte by byte is neither. */
  onData(): void {
    this.#deadline = this.ingress.host.clock.monotonic() + this.ingress.limits.command_timeout;
  }

  onEnd(): void {
    this.close();
  }

  onFailure(error: unknown): void {
    this.ingress.host.log.error({ err: error, client: this.client }, 'session failed');
    this.leave(replies.internalError);
  }

  /** Puts a reply in line; `flush` sends it. */
  reply(reply: ServerReply): void {
    if (this._closed) return;
    this.#replies += reply.wire;
    this.ingress.countReply(reply);
  }

  /** The last reply: then the connection is closed. */
  protected leave(reply: ServerReply): undefined {
    this.reply(reply);
    this.close();
  }

  flush(): Promise<void> | undefined {
    // RFC 5321 section 3.8: 421 may come at any time, but a transaction under way is let to its end.
    const idle = this._ready && !this._closing && !this.transaction && !this.working;
    if (this.ingress.draining && idle) this.leave(fill(replies.shuttingDown, this.ingress.hostname));
    this.#write();
    return this._socket.writableNeedDrain ? this.#drained() : undefined;
  }

  #write(): void {
    if (this.#replies === '' || this._upgrading || this._closing || !this._socket.writable) return;
    this._socket.write(this.#replies, 'latin1');
    this.#replies = '';
  }

  /** A client that reads no replies gets no further commands read. */
  #drained(): Promise<void> {
    const socket = this._socket;
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
    });
  }

  /** RFC 3207 section 4: the reply to STARTTLS, then the handshake. smtp-server retires the parser with all it holds. */
  protected startTls(): void {
    this.#write();
    this.forget();
    this.#deadline = this.ingress.host.clock.monotonic() + this.ingress.limits.tls_timeout;
    this.upgrade(
      () => undefined,
      () => {
        this.#learnTls();
        this.onData();
      },
    );
  }

  #learnTls(): void {
    if (!(this._socket instanceof TLSSocket)) return;
    this.tls = { version: this._socket.getProtocol() ?? 'TLS', cipher: this._socket.getCipher().name };
  }
}
