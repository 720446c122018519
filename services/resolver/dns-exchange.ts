// One question put to one name server, over UDP or TCP. Owns the ports it asks from and the questions under way.
// Nothing is thrown: a server that is silent or away is a value.
import { connect } from 'node:net';
import { encodeQuery, type Question, type Reading, type RecordData, type RecordType, readAnswer } from './dns-message.ts';
import { type NameServerAddress, type Port, UdpPorts } from './udp-ports.ts';

/** `silent`: nothing came in time. `away`: the network or the host refused us. */
export type Exchange<T> = Reading<T> | { readonly kind: 'silent' } | { readonly kind: 'away'; readonly diagnostic: string };

/** Milliseconds until a question is put again, for UDP loses datagrams; each time after twice as long (RFC 1035 section 4.2.1). */
const AGAIN = 500;

/** How often those that are under way are looked at (ms), or a tenth of the timeout: one timer for all, for there may be thousands. */
const LOOK = 50;

type QuestionOf<T extends RecordType> = Question & { readonly type: T };

/** One exchange under way. */
interface Course {
  /** It is under way for so many milliseconds. */
  lasts?(milliseconds: number): void;
  /** It is over, whatever came of it. */
  end(): void;
}

type Settle<R> = (result: R) => void;

export class Exchanges {
  readonly #ports = new UdpPorts();
  readonly #timeout: number;
  readonly #underWay = new Set<UnderWay>();
  #look: NodeJS.Timeout | undefined;
  #closed = false;

  /** `timeout`: milliseconds of one exchange. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** Asks over UDP, and again while nothing comes. Answers to other questions, and forgeries that miss our id, are passed over. */
  udp<T extends RecordType>(server: NameServerAddress, question: QuestionOf<T>, edns: boolean): Promise<Exchange<RecordData[T]>> {
    return this.#within<Exchange<RecordData[T]>>((settle) => new UdpCourse(this.#ports, server, question, edns, settle));
  }

  /** Asks over TCP (RFC 7766): for answers that UDP cannot carry, and where UDP looks forged. */
  tcp<T extends RecordType>(server: NameServerAddress, question: QuestionOf<T>, edns: boolean): Promise<Exchange<RecordData[T]>> {
    return this.#within<Exchange<RecordData[T]>>((settle) => {
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
      return { end: () => socket.destroy() };
    });
  }

  /** Ends what is under way: it is `silent`, and so is all that is asked from now on. */
  close(): void {
    this.#closed = true;
    for (const each of this.#underWay) each.silence();
    this.#ports.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs what `start` begins until it settles, the time is up or all is closed, whichever is first. */
  #within<R>(start: (settle: Settle<R>) => Course): Promise<R | { readonly kind: 'silent' }> {
    if (this.#closed) return Promise.resolve({ kind: 'silent' });
    return new Promise((resolve) => {
      const settle = (result: R | { readonly kind: 'silent' }) => {
        if (!this.#underWay.delete(one)) return;
        one.course.end();
        resolve(result);
      };
      const one: UnderWay = { since: performance.now(), course: start(settle), silence: () => settle({ kind: 'silent' }) };
      this.#underWay.add(one);
      this.#look ??= setInterval(() => this.#lookAfter(), Math.min(LOOK, this.#timeout / 10));
    });
  }

  #lookAfter(): void {
    const now = performance.now();
    for (const each of this.#underWay) {
      if (now - each.since >= this.#timeout) each.silence();
      else each.course.lasts?.(now - each.since);
    }
    if (this.#underWay.size > 0) return;
    clearInterval(this.#look);
    this.#look = undefined;
  }
}

interface UnderWay {
  /** On the monotonic clock. */
  readonly since: number;
  readonly course: Course;
  readonly silence: () => void;
}

class UdpCourse<T extends RecordType> implements Course {
  readonly #ports: UdpPorts;
  readonly #server: NameServerAddress;
  readonly #question: QuestionOf<T>;
  readonly #settle: Settle<Exchange<RecordData[T]>>;
  readonly #port: Port;
  readonly #datagram: Buffer;
  #asked = 1;
  #againAt = AGAIN;
  #answers = 0;
  #others = 0;

  constructor(ports: UdpPorts, server: NameServerAddress, question: QuestionOf<T>, edns: boolean, settle: Settle<Exchange<RecordData[T]>>) {
    this.#ports = ports;
    this.#server = server;
    this.#question = question;
    this.#settle = settle;
    this.#datagram = encodeQuery(question, edns);
    this.#port = ports.take(server, this);
    this.#port.send(this.#datagram);
  }

  onDatagram(data: Buffer): void {
    const reading = readAnswer(this.#question, data);
    if (reading.kind === 'mismatch') this.#others++;
    else this.#answers++;
    if (reading.kind !== 'mismatch') this.#settle(reading);
  }

  onError(error: Error): void {
    this.#settle({ kind: 'away', diagnostic: error.message });
  }

  lasts(milliseconds: number): void {
    if (milliseconds < this.#againAt) return;
    this.#port.repeat(this.#datagram);
    this.#againAt += AGAIN * 2 ** this.#asked++;
  }

  end(): void {
    // Each that was put may be answered.
    this.#ports.giveBack(this.#server, this.#port, this.#asked === 1 && this.#answers === 1 && this.#others === 0);
  }
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
