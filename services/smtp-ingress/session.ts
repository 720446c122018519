// One SMTP session: smtp-server's connection (socket, TLS, half-close) with our conversation in place of its commands. Owns the state of
// the session and the order of its replies. Fails by reply and close; nothing that a client sends makes it throw.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { CommandStream, type StreamHandler } from './command-stream.ts';
import { decodeLine, notUtf8Reply, parseCommand } from './commands.ts';
import type { Continuation, Conversation, DataReceiver, Helo, TlsFacts, Transaction } from './conversation.ts';
import type { Ingress } from './ingress.ts';
import { clientKey } from './limits.ts';
import type { Line } from './line-parser.ts';
import type { ListenerSettings } from './listener-settings.ts';

/** RFC 4954 section 4: bytes of a line in an AUTH exchange. */
const AUTH_LINE = 12_288;
/** Commands whose refusal is worth a log line. */
const NOTABLE = new Set(['MAIL', 'RCPT', 'DATA', 'AUTH']);

export class Session extends SMTPConnection implements Conversation, StreamHandler {
  readonly ingress: Ingress;
  readonly listener: ListenerSettings;
  tls: TlsFacts | null = null;
  helo: Helo | null = null;
  user: string | null = null;
  transaction: Transaction | null = null;
  continuation: Continuation | null = null;
  messages = 0;
  authFailures = 0;
  unknownRecipients = 0;
  working = false;
  /** Called once, when the socket is gone. */
  onClosed: () => void = () => {};
  readonly #closing = new AbortController();
  readonly #known: boolean;
  readonly #counted: string;
  readonly #refused: ServerReply | null;
  #receiver: DataReceiver | null = null;
  /** Not yet written: replies to pipelined commands leave together (RFC 2920 section 3.2). */
  #replies = '';
  #afterReply: 'go on' | 'start TLS' | 'close' = 'go on';
  #errors = 0;
  /** When the client's silence ends the session; monotonic milliseconds. */
  #deadline = Number.POSITIVE_INFINITY;

  constructor(server: SMTPServer, ingress: Ingress, listener: ListenerSettings, socket: Socket, options?: SMTPConnectionOptions | null) {
    super(server, socket, options);
    this.ingress = ingress;
    this.listener = listener;
    // With PROXY UNKNOWN the address is the proxy's own, which says nothing about the client.
    this.#known = listener.knowsClients && (!listener.proxied || options?.remoteAddress !== undefined);
    this.#counted = clientKey(this.client);
    this.#refused = this.#enter();
  }

  get client(): string {
    return this.remoteAddress;
  }

  get trusted(): boolean {
    return this.#known && this.listener.networks.has(this.client);
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  // The life of the connection

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
      if (this.#refused) return this.#leave(this.#refused);
      this.#learnTls();
      this.onData();
      setImmediate(() => this.#greet());
    });
  }

  #greet(): void {
    if (this._closing || this._closed) return;
    this._ready = true;
    this.reply(fill(replies.greeting, this.ingress.hostname));
    this.flush();
  }

  override close(): void {
    this.#receiver?.abandon();
    this.#write();
    super.close();
  }

  override _onClose(): void {
    const first = !this._closed;
    super._onClose();
    if (!first) return;
    this.#closing.abort('closed');
    this.onClosed();
    this.#receiver?.abandon();
    this.endTransaction();
    this.ingress.host.metrics.ingressConnections.dec({ listener: this.listener.name });
    if (!this.#refused) this.ingress.connections.leave(this.#counted);
  }

  override _onError(error: Error): void {
    this.ingress.host.log.debug({ client: this.client, listener: this.listener.name, error: error.message }, 'connection failed');
    this.close();
  }

  /** Time-outs are ours (`sweep`): a socket's own would start anew with every byte that trickles in. */
  override _armTimeout(): void {}

  override _createParser(): CommandStream {
    const parser = new CommandStream(this);
    parser.on('error', (error) => this.onFailure(error));
    return parser;
  }

  /** Whatever smtp-server itself wants to say: none of its replies is ours, and each means the end. */
  override send(): void {
    this.#leave(replies.internalError);
  }

  /** Ends the session when the client has been silent, or the transaction has lasted, too long. RFC 5321 section 4.5.3.2. */
  sweep(now: number): void {
    if (this._closing || this._closed || this.working) return;
    const lasted = this.transaction ? now - this.transaction.startedAt : 0;
    if (now < this.#deadline && lasted < this.ingress.limits.transaction_timeout) return;
    if (this._upgrading) this._socket.destroy();
    else this.#leave(fill(replies.timeout, this.ingress.hostname));
  }

  // What the stream tells

  mayTalk(): boolean {
    return this._ready;
  }

  onEarlyTalk(): void {
    this.#leave(replies.earlyTalker);
  }

  onData(): void {
    this.#deadline = this.ingress.host.clock.monotonic() + this.ingress.limits.command_timeout;
  }

  onEnd(): void {
    this.close();
  }

  onFailure(error: unknown): void {
    this.ingress.host.log.error({ err: error, client: this.client }, 'session failed');
    this.#leave(replies.internalError);
  }

  lineLimit(isAuth: boolean): number {
    return isAuth || this.continuation ? AUTH_LINE : this.ingress.limits.line_length;
  }

  dataConsumer(): DataReceiver | null {
    return this.#receiver;
  }

  onLine(line: Line): Promise<void> | undefined {
    if (line.kind !== 'line') return this.#malformed(line.kind);
    const { limits, hostname } = this.ingress;
    if (this.#errors >= limits.errors || this.unknownRecipients >= limits.unknown_recipients) return this.#leave(fill(replies.tooManyErrors, hostname));
    const text = decodeLine(line.bytes);
    if (text === null) return this.#answer('', '', notUtf8Reply(line.bytes));
    if (this.continuation) return this.#settle('AUTH', '', this.continuation(text));
    const { verb, argument, command, http } = parseCommand(text);
    if (http) return this.#leave(fill(replies.notSmtp, hostname));
    return this.#settle(verb, argument, command ? command(this, argument) : replies.unknownCommand);
  }

  #malformed(kind: Exclude<Line['kind'], 'line'>): undefined {
    if (kind === 'bare-control') return this.#answer('', '', replies.bareControl);
    const tooLong = this.continuation ? replies.authLineTooLong : replies.lineTooLong;
    this.#leave(kind === 'bare-lf' ? replies.bareLf : tooLong);
  }

  // Answers

  #settle(verb: string, argument: string, answer: ServerReply | Promise<ServerReply>): Promise<void> | undefined {
    if (!(answer instanceof Promise)) return this.#answer(verb, argument, answer);
    this.working = true;
    return answer
      .then((reply) => this.#answer(verb, argument, reply))
      .finally(() => {
        this.working = false;
      });
  }

  #answer(verb: string, argument: string, reply: ServerReply): undefined {
    if (reply.code >= 400) this.#refusedCommand(verb, argument, reply);
    this.reply(reply);
    if (this.#afterReply === 'close') this.close();
    if (this.#afterReply === 'start TLS') this.#startTls();
  }

  #refusedCommand(verb: string, argument: string, reply: ServerReply): void {
    this.#errors++;
    // RFC 5321 section 4.1.1.4 and common sense: a client that goes on regardless is stopped by the count of its errors.
    const { log } = this.ingress.host;
    const line = { client: this.client, listener: this.listener.name, verb, argument: verb === 'AUTH' ? undefined : argument.slice(0, 320), reply: reply.wire.trim() };
    if (NOTABLE.has(verb)) log.info(line, 'rejected');
    else log.debug(line, 'rejected');
  }

  /** Puts a reply in line; `flush` sends it. */
  reply(reply: ServerReply): void {
    if (this._closed) return;
    this.#replies += reply.wire;
    this.ingress.countReply(reply);
  }

  flush(): Promise<void> | undefined {
    // RFC 5321 section 3.8: 421 at any time, but a transaction under way is let to its end.
    if (this.ingress.draining && this._ready && !this._closing && !this.transaction && !this.working) this.#leave(fill(replies.shuttingDown, this.ingress.hostname));
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

  #leave(reply: ServerReply): undefined {
    this.reply(reply);
    this.close();
  }

  // What commands ask for

  hangUp(): void {
    this.#afterReply = 'close';
  }

  upgradeToTls(): void {
    this.#afterReply = 'start TLS';
  }

  receive(receiver: DataReceiver): void {
    this.#receiver = receiver;
  }

  endData(reply: ServerReply): void {
    this.#receiver = null;
    this.endTransaction();
    this.#errors = reply.code < 400 ? 0 : this.#errors + 1;
    this.reply(reply);
  }

  endTransaction(): void {
    this.transaction?.span.end();
    this.transaction = null;
  }

  #startTls(): void {
    this.#afterReply = 'go on';
    this.#write();
    // RFC 3207 section 4.2: all that the client said before is forgotten.
    this.helo = null;
    this.user = null;
    this.endTransaction();
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
