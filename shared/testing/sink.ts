// A small SMTP server for tests (RFC 5321) that takes all mail, remembers it and misbehaves on request: another reply, silence, a cut
// connection, a refused one. It owns its listener and its connections. It checks nothing: it is no reference for the protocol.
import { createServer, type Server, type Socket } from 'node:net';
import { type Certificate, selfSigned } from './certificate.ts';
import { eventually, type Patience } from './eventually.ts';
import type { SinkConnection, SinkMessage, SinkScript } from './sink-script.ts';
import { type SessionContext, SinkSession } from './sink-session.ts';

// biome-ignore lint/performance/noBarrelFile: a test finds the sink and its two misbehaviours in one place
export { DROP, HANG } from './sink-script.ts';

export type SinkOptions = {
  readonly host?: string;
  /** Default any free port. */
  readonly port?: number;
  readonly name?: string;
  /** EHLO keywords (RFC 5321 section 4.1.1.1); STARTTLS is added while it can be used. */
  readonly extensions?: readonly string[];
  /** Default starttls with a self-signed certificate for localhost. */
  readonly tls?: 'none' | 'starttls' | 'implicit';
  readonly certificate?: Certificate;
  readonly script?: SinkScript;
};

export type Sink = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** PEM text to trust for a verified connection. */
  readonly certificate: string | undefined;
  /** Messages answered with 2xx, in order, and those taken without an answer (DROP, HANG). */
  readonly messages: readonly SinkMessage[];
  /** All connections so far. */
  readonly connections: readonly SinkConnection[];
  readonly openConnections: number;
  /** Resolves with the messages once there are at least so many. */
  received(count: number, patience?: Patience): Promise<readonly SinkMessage[]>;
  /** Replaces the script, for the stages to come of every connection. */
  behave(script: SinkScript): void;
  /** Stops listening and cuts all connections: connection refused, until `listen`. */
  refuse(): Promise<void>;
  /** Listens again on the same port. */
  listen(): Promise<void>;
  close(): Promise<void>;
};

const EXTENSIONS = ['PIPELINING', 'SIZE 52428800', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN'];

/** Starts a sink on loopback. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const mode = options.tls ?? 'starttls';
  const certificate = mode === 'none' ? undefined : (options.certificate ?? (await selfSigned()));
  const sink = new RunningSink(options, certificate);
  await sink.listen();
  return sink;
}

class RunningSink implements Sink {
  readonly host: string;
  readonly messages: SinkMessage[] = [];
  readonly connections: SinkSession[] = [];
  readonly certificate: string | undefined;
  readonly #context: SessionContext;
  #script: SinkScript;
  #port: number;
  #server: Server | undefined;
  readonly #open = new Set<SinkSession>();

  constructor(options: SinkOptions, pair: Certificate | undefined) {
    this.certificate = pair?.cert;
    this.#script = options.script ?? {};
    this.#context = {
      name: options.name ?? 'sink.example',
      extensions: options.extensions ?? EXTENSIONS,
      implicitTls: options.tls === 'implicit',
      certificate: pair,
      script: () => this.#script,
      taken: (message) => this.messages.push(message),
    };
    this.host = options.host ?? '127.0.0.1';
    this.#port = options.port ?? 0;
  }

  get port() {
    return this.#port;
  }

  get openConnections() {
    return this.#open.size;
  }

  async received(count: number, patience?: Patience): Promise<readonly SinkMessage[]> {
    const enough = () => {
      if (this.messages.length < count) throw new Error(`${this.messages.length} of ${count} messages have come`);
      return this.messages;
    };
    return await eventually(enough, patience);
  }

  behave(script: SinkScript): void {
    this.#script = script;
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, this.host, resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of this.#open) session.drop();
    await closed;
  }

  close(): Promise<void> {
    return this.refuse();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.refuse();
  }

  #accept(socket: Socket): void {
    const session = new SinkSession(this.#context, socket, this.connections.length + 1);
    this.connections.push(session);
    this.#open.add(session);
    socket.once('close', () => this.#open.delete(session));
    void session.serve();
  }
}
