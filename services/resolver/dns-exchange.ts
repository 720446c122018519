// One question put to one name server, over UDP or TCP. Owns the ports it asks from and the questions under way.
// Nothing is thrown: a server that is silent or away is a value.
import { connect } from 'node:net';
import { encodeQuery, type Question, type Reading, type RecordData, type RecordType, readAnswer } from './dns-message.ts';
import { type NameServerAddress, UdpPorts } from './udp-ports.ts';

/** `silent`: nothing came in time. `away`: the network or the host refused us. */
export type Exchange<T> = Reading<T> | { readonly kind: 'silent' } | { readonly kind: 'away'; readonly diagnostic: string };

/** Milliseconds until a question is put again, for UDP loses datagrams; each time after twice as long (RFC 1035 section 4.2.1). */
const AGAIN = 500;

type QuestionOf<T extends RecordType> = Question & { readonly type: T };

export class Exchanges {
  readonly #ports = new UdpPorts();
  readonly #timeout: number;
  /** Each ends one that is under way. */
  readonly #underWay = new Set<() => void>();
  #closed = false;

  /** `timeout`: milliseconds of one exchange. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /** Asks over UDP, and again while nothing comes. Answers to other questions, and forgeries that miss our id, are passed over. */
  udp<T extends RecordType>(server: NameServerAddress, question: QuestionOf<T>, edns: boolean): Promise<Exchange<RecordData[T]>> {
    return this.#within<Exchange<RecordData[T]>>((settle) => {
      let answers = 0;
      let others = 0;
      const port = this.#ports.take(server, {
        onDatagram: (data) => {
          const reading = readAnswer(question, data);
          if (reading.kind === 'mismatch') others++;
          else {
            answers++;
            settle(reading);
          }
        },
        onError: (error) => settle({ kind: 'away', diagnostic: error.message }),
      });
      const datagram = encodeQuery(question, edns);
      port.send(datagram);
      let asked = 1;
      const again = () => {
        port.repeat(datagram);
        timer = setTimeout(again, AGAIN * 2 ** asked++);
      };
      let timer = setTimeout(again, AGAIN);
      return () => {
        clearTimeout(timer);
        // Each may be answered.
        this.#ports.giveBack(server, port, asked === 1 && answers === 1 && others === 0);
      };
    });
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
      return () => socket.destroy();
    });
  }

  /** Ends what is under way: it is `silent`, and so is all that is asked from now on. */
  close(): void {
    this.#closed = true;
    for (const silence of this.#underWay) silence();
    this.#ports.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs `start` until it settles, the time is up or all is closed, whichever is first; then calls what `start` returned. */
  #within<R>(start: (settle: (result: R) => void) => () => void): Promise<R | { readonly kind: 'silent' }> {
    if (this.#closed) return Promise.resolve({ kind: 'silent' });
    return new Promise((resolve) => {
      let settled = false;
      const settle = (result: R | { readonly kind: 'silent' }) => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        this.#underWay.delete(silence);
        release();
        resolve(result);
      };
      const silence = () => settle({ kind: 'silent' });
      const timer = setTimeout(silence, this.#timeout);
      this.#underWay.add(silence);
      const release = start(settle);
    });
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
