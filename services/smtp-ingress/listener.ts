// What clients meet behind one door: smtp-server's server (PROXY protocol, implicit TLS, certificates) with our sessions. Owns its sockets.
// Fails to be made when its networks are none. Never listens itself: the door does.
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { ListenerConfig } from '#shared/config/schema.ts';
import type { Entrance } from '#shared/session/door.ts';
import { admits } from '#shared/session/proxies.ts';
import type { TlsMaterial } from '#shared/session/tls.ts';
import type { Ingress } from './ingress.ts';
import { type ListenerSettings, listenerSettings } from './listener-settings.ts';
import { Session } from './session.ts';

/** Milliseconds between two looks at time-outs. */
const SWEEP_INTERVAL = 1000;

export class Listener extends SMTPServer implements Entrance {
  readonly config: ListenerConfig;
  readonly #ingress: Ingress;
  #settings: ListenerSettings;
  readonly #sessions = new Set<Session>();
  #emptied = Promise.withResolvers<void>();
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
      ...(tls ?? {}),
    });
    this.config = config;
    this.#ingress = ingress;
    this.#settings = listenerSettings(ingress.host.config(), config);
  }

  get label(): ListenerSettings['name'] {
    return this.#settings.name;
  }

  /** On the way to `connect`: past PROXY header and handshake. RFC 5321 knows no proxy, so what others than ours say of a client is not heard. */
  accept(socket: Socket): void {
    if (!admits(this.#settings.proxies, socket, this.label, this.#ingress.host.log)) return;
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref();
    this.server.emit('connection', socket);
  }

  #sweep(): void {
    const now = this.#ingress.host.clock.monotonic();
    for (const session of this.#sessions) session.sweep(now);
    this.#rest();
  }

  /** Ends what runs for sessions when there is none, nor one on its way (a handshake). */
  #rest(): void {
    if (this.#inUse()) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#emptied.resolve();
    this.#emptied = Promise.withResolvers();
  }

  #inUse(): boolean {
    return this.#sessions.size > 0 || this._pendingSockets.size > 0;
  }

  async empty(): Promise<void> {
    // What was accepted becomes a session in the next turn, and what was destroyed is gone in the one behind.
    for (let turn = 0; turn < 2; turn++) await nextTurn();
    if (this.#inUse()) await this.#emptied.promise;
  }

  /** Takes over networks, limits and certificate: new sessions have them, open ones go on. Throws when a network is none. */
  reload(tls: TlsMaterial | null): void {
    const { limits, hostname } = this.#ingress;
    this.#settings = listenerSettings(this.#ingress.host.config(), this.config);
    Object.assign(this.options, { name: hostname, socketTimeout: limits.tls_timeout, maxClients: limits.connections });
    if (tls && this.config.tls !== 'none') this.updateSecureContext(tls);
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
    session.onClosed = () => {
      this.#sessions.delete(session);
      this.#rest();
    };
    session.init();
  }

  onAcceptError(error: Error): void {
    this.#ingress.host.log.error({ listener: this.label, err: error }, 'connections cannot be accepted');
  }

  /** Failed handshakes and the like are of one client. */
  override _onError(error: Error): void {
    this.#ingress.host.log.debug({ listener: this.label, error: error.message }, 'connection failed');
  }

  async drain(signal: AbortSignal): Promise<void> {
    const cut = () => {
      for (const session of this.#sessions) session.cut();
    };
    signal.addEventListener('abort', cut, { once: true });
    for (const socket of this._pendingSockets.values()) socket.destroy();
    for (const session of this.#sessions) void session.flush();
    if (signal.aborted) cut();
    await this.empty();
    this.#rest();
    signal.removeEventListener('abort', cut);
  }
}
