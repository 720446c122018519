// One question put to one name server, over UDP or TCP: owns its socket for that time, on a port that the kernel picks at random.
// Nothing is thrown: a server that is silent or away is a value.
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { encodeQuery, type Question, type Reading, type RecordData, type RecordType, readAnswer } from './dns-message.ts';

export interface NameServerAddress {
  readonly host: string;
  readonly port: number;
}

/** `silent`: nothing came in time. `away`: the network or the host refused us. */
export type Exchange<T> = Reading<T> | { readonly kind: 'silent' } | { readonly kind: 'away'; readonly diagnostic: string };

export interface ExchangeLimits {
  /** Milliseconds. */
  readonly timeout: number;
  /** Aborted when the client is closed: what waits is `silent`. */
  readonly signal: AbortSignal;
}

/** Asks over UDP. Answers to other questions, and forgeries that miss our id, are passed over until the time is up. */
export function exchangeUdp<T extends RecordType>(
  server: NameServerAddress,
  question: Question & { readonly type: T },
  edns: boolean,
  limits: ExchangeLimits,
): Promise<Exchange<RecordData[T]>> {
  return within<Exchange<RecordData[T]>>(limits, (settle) => {
    // A connected socket takes datagrams from this server alone, and hears of ICMP refusals (RFC 5452 section 9.2).
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    socket.on('error', (error) => settle({ kind: 'away', diagnostic: error.message }));
    socket.on('message', (data) => {
      const reading = readAnswer(question, data);
      if (reading.kind !== 'mismatch') settle(reading);
    });
    socket.connect(server.port, server.host, () => limits.signal.aborted || socket.send(encodeQuery(question, edns)));
    return () => socket.close();
  });
}

/** Asks over TCP (RFC 7766): for answers that UDP cannot carry, and where UDP looks forged. */
export function exchangeTcp<T extends RecordType>(
  server: NameServerAddress,
  question: Question & { readonly type: T },
  edns: boolean,
  limits: ExchangeLimits,
): Promise<Exchange<RecordData[T]>> {
  return within<Exchange<RecordData[T]>>(limits, (settle) => {
    const socket = connect(server.port, server.host);
    const received: Buffer[] = [];
    socket.on('error', (error) => settle({ kind: 'away', diagnostic: error.message }));
    socket.on('close', () => settle({ kind: 'away', diagnostic: 'connection closed before the answer' }));
    socket.on('connect', () => socket.write(prefixed(encodeQuery(question, edns))));
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      const message = unprefixed(received);
      if (message) settle(readAnswer(question, message));
    });
    return () => socket.destroy();
  });
}

/** Runs `start` until it settles, the time is up or the signal aborts, whichever is first; then calls what `start` returned. */
function within<R>({ timeout, signal }: ExchangeLimits, start: (settle: (result: R) => void) => () => void): Promise<R | { readonly kind: 'silent' }> {
  if (signal.aborted) return Promise.resolve({ kind: 'silent' });
  return new Promise((resolve) => {
    let settled = false;
    const settle = (result: R | { readonly kind: 'silent' }) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', silent);
      release();
      resolve(result);
    };
    const silent = () => settle({ kind: 'silent' });
    const timer = setTimeout(silent, timeout);
    signal.addEventListener('abort', silent);
    const release = start(settle);
  });
}

/** RFC 1035 section 4.2.2: two octets of length stand before each message. */
function prefixed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** The whole first message, or null while some of it is missing. */
function unprefixed(received: readonly Buffer[]): Buffer | null {
  const total = received.reduce((sum, chunk) => sum + chunk.length, 0);
  if (total < 2) return null;
  const data = received.length === 1 && received[0] ? received[0] : Buffer.concat(received, total);
  const end = 2 + data.readUInt16BE(0);
  return data.length < end ? null : data.subarray(2, end);
}
