// UDP sockets to name servers, each on a port that the kernel picks at random. A socket costs more than a question, so one that was
// answered serves some more, but never two at a time: questions under way leave from different ports (RFC 5452 section 9.2).
// Owns the sockets. What can fail on one is told to whom it serves.
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

export interface NameServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Who a port serves. */
export interface Listener {
  onDatagram(data: Buffer): void;
  onError(error: Error): void;
}

/** Few enough that a port is gone before somebody who does not see our traffic has found it. */
const MAX_QUESTIONS = 16;
/** Milliseconds: what is idle for longer is closed. */
const IDLE = 1_000;

export class UdpPorts {
  /** By server, the last used last. */
  readonly #idle = new Map<NameServerAddress, Port[]>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  /** A port for one question. The caller gives it back. */
  take(server: NameServerAddress, listener: Listener): Port {
    const kept = this.#idle.get(server);
    for (let port = kept?.pop(); port; port = kept?.pop()) if (port.serve(listener)) return port;
    const port = new Port(server);
    port.serve(listener);
    return port;
  }

  /** `answered`: what came was the answer and nothing else. A port whose answer may still come, or that somebody guessed, serves no other. */
  giveBack(server: NameServerAddress, port: Port, answered: boolean): void {
    if (!answered || this.#closed || !port.rest()) return port.close();
    const kept = this.#idle.get(server);
    if (kept) kept.push(port);
    else this.#idle.set(server, [port]);
    this.#sweep ??= setInterval(() => this.#closeIdle(), IDLE).unref();
  }

  /** Closes what is idle, and what is in use when it is given back. */
  close(): void {
    this.#closed = true;
    this.#closeIdle(0);
  }

  #closeIdle(longest = IDLE): void {
    const oldest = performance.now() - longest;
    for (const [server, kept] of this.#idle) {
      while (kept[0] && kept[0].since <= oldest) kept.shift()?.close();
      if (kept.length === 0) this.#idle.delete(server);
    }
    if (this.#idle.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

export class Port {
  readonly #socket: Socket;
  readonly #server: NameServerAddress;
  #listener: Listener | null = null;
  #connected = false;
  #usable = true;
  #questions = 0;
  /** Since when it is idle, on the monotonic clock. */
  since = 0;

  constructor(server: NameServerAddress) {
    this.#server = server;
    this.#socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    this.#socket.on('message', (data) => this.#heard((listener) => listener.onDatagram(data)));
    this.#socket.on('error', (error) => this.#heard((listener) => listener.onError(error)));
  }

  /** False when it serves nobody any more: something came unasked. */
  serve(listener: Listener): boolean {
    if (!this.#usable) this.close();
    else this.#listener = listener;
    return this.#usable;
  }

  /** False when it has served enough. */
  rest(): boolean {
    this.#listener = null;
    this.since = performance.now();
    return this.#usable && this.#questions < MAX_QUESTIONS;
  }

  send(question: Buffer): void {
    this.#questions++;
    if (this.#connected) return this.#socket.send(question);
    const { port, host } = this.#server;
    this.#socket.once('connect', () => {
      this.#connected = true;
      if (this.#listener) this.#socket.send(question);
    });
    // A connected socket takes datagrams from this server alone, and hears of ICMP refusals (RFC 5452 section 9.2). Without a callback,
    // for that would be given the error.
    this.#socket.connect(port, host);
  }

  /** The same once more, in case it was lost. */
  repeat(question: Buffer): void {
    if (this.#connected) this.#socket.send(question);
  }

  close(): void {
    this.#listener = null;
    this.#socket.close();
  }

  #heard(tell: (listener: Listener) => void): void {
    if (this.#listener) tell(this.#listener);
    else this.#usable = false;
  }
}
