// Puts one command together from lines and literals (RFC 9051 section 2.2.1), asking for each literal that waits for it. Bounded: what is too
// large is refused before it is read. A message of APPEND is not read here: the command takes it from the stream.
import type { ClientConnection, Received } from '#shared/session/client-connection.ts';
import { MAX_COMMAND, MAX_NONSYNC_LITERAL } from '../limits.ts';
import { announcedLiteral, type CommandText, type LiteralAnnouncement } from '../syntax/command-text.ts';
import type { ResponseWriter } from './response-writer.ts';

export type ReceivedCommand =
  | {
      readonly kind: 'command';
      readonly command: CommandText;
      /** The literal that the text ends with: not yet asked for, the command takes it with `accept`. */
      readonly pending: LiteralAnnouncement | null;
    }
  | RefusedCommand
  /** No further command comes, or none is taken. */
  | { readonly kind: 'ended' | 'timeout' | 'draining' };

/** Not a command. `start` is the text before, for its tag; `fatal` when what follows cannot be understood. */
export interface RefusedCommand {
  readonly kind: 'refused';
  readonly start: string;
  readonly why: 'malformed' | 'too-long' | 'literal-too-large';
  readonly fatal: boolean;
}

/** True when the literal that this text ends with is taken as a stream by its command. */
export type StreamsLiteral = (text: string) => boolean;

export class CommandReader {
  readonly #connection: ClientConnection;
  readonly #out: ResponseWriter;
  readonly #streams: StreamsLiteral;

  constructor(connection: ClientConnection, out: ResponseWriter, streams: StreamsLiteral) {
    this.#connection = connection;
    this.#out = out;
    this.#streams = streams;
  }

  /** The next command; `most` octets may stand in its literals. */
  next(most: number): Promise<ReceivedCommand> {
    return this.#read(most, this.#streams);
  }

  /** What follows a literal that was streamed, up to the next such literal. */
  rest(most: number): Promise<ReceivedCommand> {
    return this.#read(most, () => true);
  }

  async #read(most: number, streams: StreamsLiteral): Promise<ReceivedCommand> {
    let text = '';
    const literals: Buffer[] = [];
    for (let left = most; ; ) {
      this.#out.handOver();
      const received = await this.#connection.readLine(MAX_COMMAND - text.length, text === '' && streams === this.#streams);
      if (received.kind !== 'line') return notALine(received, text);
      text += received.bytes.toString('latin1');
      const announced = announcedLiteral(text);
      if (!announced || streams(text)) return { kind: 'command', command: { text, literals }, pending: announced };
      if (tooLarge(announced, left)) return { kind: 'refused', start: text, why: 'literal-too-large', fatal: !announced.synchronizing };
      const octets = await collected(await this.accept(announced));
      left -= octets.length;
      literals.push(octets);
      text += '\r\n';
    }
  }

  /** Asks for an announced literal, if it waits for that, and gives its octets as they come: whoever stops early ends the connection. */
  async accept({ size, synchronizing }: LiteralAnnouncement): Promise<AsyncGenerator<Buffer>> {
    if (synchronizing) await this.#out.goAhead('OK');
    return this.#connection.readBytes(size);
  }

  /** The client's line after a challenge (RFC 9051 section 6.2.2), or while it idles. */
  async line(limit: number): Promise<Received> {
    this.#out.handOver();
    return this.#connection.readLine(limit, true);
  }
}

function notALine(received: Exclude<Received, { kind: 'line' }>, start: string): ReceivedCommand {
  switch (received.kind) {
    case 'bare-control':
    case 'bare-lf':
      return { kind: 'refused', start, why: 'malformed', fatal: false };
    case 'too-long':
      return { kind: 'refused', start, why: 'too-long', fatal: true };
    default:
      return received;
  }
}

function tooLarge({ size, synchronizing }: LiteralAnnouncement, left: number): boolean {
  return size > left || (!synchronizing && size > MAX_NONSYNC_LITERAL);
}

async function collected(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}
