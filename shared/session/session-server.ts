// What clients of a line protocol (IMAP, POP3) meet behind one door: counts, reads the PROXY header, shakes hands where TLS is implicit, and hands
// each connection to its session. Owns its connections. Fails to be made when its certificate or networks are none.
import { isIP, type Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { AccessLimits, AccessListenerConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { ClientConnection } from './client-connection.ts';
import { type ConnectionCounts, clientKey } from './connection-counts.ts';
import type { Entrance } from './door.ts';
import type { Networks } from './networks.ts';
import { admits, proxiesOf } from './proxies.ts';
import type { TlsMaterial } from './tls.ts';

export interface SessionServerOptions {
  /** Of logs, metrics and the start banner: `imap`, `pop3s`. */
  readonly label: string;
  readonly listener: AccessListenerConfig;
  /** Shared by the listeners of a service. */
  readonly counts: ConnectionCounts;
  /** Asked at each connection: a reload may change them. */
  readonly limits: () => Pick<AccessLimits, 'connections' | 'connections_per_client' | 'tls_timeout'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'accessConnections' | 'accessConnectionsTotal'>;
  /** One session, from greeting to farewell; the connection is closed when it resolves. A throw is a bug or a broken dependency. */
  readonly serve: (connection: ClientConnection, server: SessionServer) => Promise<void>;
  /** What a client hears that is one too many, CR LF included. */
  readonly refusal: (why: 'total' | 'client') => string;
}

/** Milliseconds between two looks at time-outs. */
const SWEEP_INTERVAL = 500;
/** Bytes of a PROXY v1 header without its CR LF. */
const PROXY_HEADER = 105;

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1)$/;

export class SessionServer implements Entrance {
  readonly #options: SessionServerOptions;
  readonly #connections = new Set<ClientConnection>();
  readonly #proxies: Networks;
  #emptied = Promise.withResolvers<void>();
  #context: SecureContext;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SessionServerOptions, tls: TlsMaterial) {
    this.#options = options;
    this.#context = createSecureContext(tls);
    this.#proxies = proxiesOf(options.listener, 'proxy_from');
  }

  get label(): string {
    return this.#options.label;
  }

  get listener(): AccessListenerConfig {
    return this.#options.listener;
  }

  /** What STARTTLS shakes hands with; null where it is not offered. */
  get starttls(): SecureContext | null {
    return this.listener.tls === 'starttls' ? this.#context : null;
  }

  /** Passwords travel over TLS only; or from this host, where the operator said so and the address is the client's own. RFC 8314 section 4.1. */
  passwordsAllowed({ tls, address, addressKnown }: ClientConnection): boolean {
    return tls !== null || (this.listener.clear_passwords && addressKnown && LOOPBACK.test(address));
  }

  /** Takes over a new certificate for handshakes to come. */
  reload(tls: TlsMaterial): void {
    this.#context = createSecureContext(tls);
  }

  onAcceptError(error: Error): void {
    this.#options.log.error({ listener: this.label, err: error }, 'connections cannot be accepted');
  }

  empty(): Promise<void> {
    return this.#connections.size === 0 ? Promise.resolve() : this.#emptied.promise;
  }

  async drain(signal: AbortSignal): Promise<void> {
    const cut = () => {
      for (const connection of this.#connections) connection.cut();
    };
    for (const connection of this.#connections) connection.drain();
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
    await this.empty();
    signal.removeEventListener('abort', cut);
  }

  accept(socket: Socket): void {
    if (!admits(this.#proxies, socket, this.label, this.#options.log)) return;
    const connection = new ClientConnection(socket, this.#options.clock, this.#options.limits().tls_timeout, !this.listener.behind_proxy);
    this.#connections.add(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref();
    void this.#live(connection).then(() => this.#gone(connection));
  }

  #sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const connection of this.#connections) connection.sweep(now);
  }

  #gone(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#emptied.resolve();
    this.#emptied = Promise.withResolvers();
  }

  async #live(connection: ClientConnection): Promise<void> {
    const { log, label, metrics } = this.#options;
    metrics.accessConnectionsTotal.inc({ listener: label });
    metrics.accessConnections.inc({ listener: label });
    try {
      await this.#run(connection);
    } catch (error) {
      log.error({ err: error, listener: label, client: connection.address }, 'session failed');
    }
    await connection.end();
    metrics.accessConnections.dec({ listener: label });
  }

  async #run(connection: ClientConnection): Promise<void> {
    const { counts, limits, refusal, serve } = this.#options;
    if (this.listener.proxy_protocol && !(await readProxyHeader(connection))) return;
    const { connections, connections_per_client: perClient, tls_timeout: patience } = limits();
    const client = clientKey(connection.address);
    const full = counts.enter(client, connections, connection.addressKnown ? perClient : Number.POSITIVE_INFINITY);
    const implicit = this.listener.tls === 'implicit';
    // Nobody shakes hands only to be sent away.
    if (full) return implicit ? connection.cut() : connection.write(refusal(full));
    try {
      if (implicit && !(await connection.handshake(this.#context, patience))) return;
      await serve(connection, this);
    } finally {
      counts.leave(client);
    }
  }
}

/** Takes the client's address from a PROXY v1 line. False when there is none: nobody else may speak on such a port. */
async function readProxyHeader(connection: ClientConnection): Promise<boolean> {
  const line = await connection.readLine(PROXY_HEADER, true);
  const [word, family, source = ''] = line.kind === 'line' ? line.bytes.toString('latin1').split(' ') : [];
  if (word !== 'PROXY') return false;
  // The proxy speaks for itself: a health check.
  connection.addressKnown = family === 'TCP4' || family === 'TCP6';
  if (!connection.addressKnown) return family === 'UNKNOWN';
  if (isIP(source) !== (family === 'TCP4' ? 4 : 6)) return false;
  connection.address = source;
  return true;
}
