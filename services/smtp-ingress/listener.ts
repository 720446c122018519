// One listening port: smtp-server's server (accept, PROXY protocol, implicit TLS, certificates) with our sessions. Owns its sockets.
// Fails at start when it cannot listen, with the address in the message.
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { ListenerConfig } from '#shared/config/schema.ts';
import { bind } from '#shared/session/bind.ts';
import type { TlsMaterial } from '#shared/session/tls.ts';
import type { Ingress } from './ingress.ts';
import { type ListenerSettings, listenerSettings } from './listener-settings.ts';
import { Session } from './session.ts';

/** Milliseconds between two looks at time-outs. */
const SWEEP_INTERVAL = 1000;

export class Listener extends SMTPServer {
  readonly config: ListenerConfig;
  readonly #ingress: Ingress;
  #settings: ListenerSettings;
  readonly #sessions = new Set<Session>();
  #count = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(ingress: Ingress, config: ListenerConfig, tls: TlsMaterial | null) {
    const { limits } = ingress;
    super({
      logger: false,
      name: ingress.hostname,
      secure: config.tls === 'implicit',
      useProxy: config.proxy_protocol,
      // For sockets on their way to a session: PROXY header and TLS handshake.
      socketTimeout: limits.tls_timeout,
      maxClients: limits.connections,
      // A client may say all it has to say and close its side: it still gets its replies.
      allowHalfOpen: true,
      ...(tls ?? {}),
    });
    this.config = config;
    this.#ingress = ingress;
    this.#settings = listenerSettings(ingress.host.config(), config);
  }

  get label(): ListenerSettings['name'] {
    return this.#settings.name;
  }

  /** Starts to listen; returns where. Throws with one line when the port cannot be had. */
  async start(): Promise<AddressInfo> {
    return bind(this.server, this.config, 'ingress.listeners');
  }

  /** While there are sessions: an idle server wakes for nothing. */
  #sweep(): void {
    const now = this.#ingress.host.clock.monotonic();
    for (const session of this.#sessions) session.sweep(now);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Takes over a new configuration: new sessions have it, open ones go on. */
  reload(tls: TlsMaterial | null): void {
    this.#settings = listenerSettings(this.#ingress.host.config(), this.config);
    if (tls) this.updateSecureContext(tls);
  }

  /** smtp-server makes a random id for each connection here; a number does. */
  override _handleProxy(socket: Socket, callback: Parameters<SMTPServer['_handleProxy']>[1]): void {
    if (this.config.proxy_protocol) super._handleProxy(socket, callback);
    else setImmediate(callback, null, { id: String(++this.#count) });
  }

  override connect(socket: Socket, options?: SMTPConnectionOptions | null): void {
    if (socket.destroyed) return;
    const session = new Session(this, this.#ingress, this.#settings, socket, options);
    this.connections.add(session);
    this.#sessions.add(session);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref();
    session.onClosed = () => this.#sessions.delete(session);
    session.init();
  }

  /** Failed handshakes and the like are of one client; what keeps us from accepting anyone is the operator's business. */
  override _onError(error: NodeJS.ErrnoException): void {
    const level = error.syscall === 'accept' ? 'error' : 'debug';
    this.#ingress.host.log[level]({ listener: this.label, error: error.message }, 'connection failed');
  }

  /** Takes no more connections, and resolves when the last one has ended; `signal` cuts those that have not. */
  async drain(signal: AbortSignal): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const cut = () => {
      for (const session of this.#sessions) session.cut();
    };
    signal.addEventListener('abort', cut, { once: true });
    for (const socket of this._pendingSockets.values()) socket.destroy();
    for (const session of this.#sessions) void session.flush();
    if (signal.aborted) cut();
    await closed;
    signal.removeEventListener('abort', cut);
    clearInterval(this.#sweeper);
  }
}
