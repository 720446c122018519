// The one way to the client: responses as lines (RFC 9051 section 7), collected and sent together, with backpressure. It refuses text that would
// make a line of its own, so nothing that came from outside can. Owns what is not yet handed to the connection.
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { type Completion, completionLine } from '../response/completion.ts';
import type { Literal, Piece } from '../response/strings.ts';

/** Characters that are collected before they go to the connection. */
const CHUNK = 32_768;
/** Octets, about, that may be written before `ready` asks whether the client reads. */
const WINDOW = 131_072;
const LINE_BREAK = /[\r\n\0]/;

export class ResponseWriter {
  readonly #connection: ClientConnection;
  #text = '';
  #written = 0;
  #unfinished = false;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  /** `* 23 EXISTS`: one untagged response. */
  untagged(first: Piece, ...more: readonly Piece[]): void {
    this.begin();
    this.piece(first);
    for (const piece of more) this.piece(piece);
    this.end();
  }

  /** A response that is written piece by piece, because it holds much: begin, piece or stream, end. Nothing may come between. */
  begin(): void {
    this.#unfinished = true;
    this.#text += '* ';
  }

  piece(piece: Piece): void {
    if (typeof piece === 'string') this.#add(piece);
    else this.#literal(piece);
  }

  end(): void {
    this.#unfinished = false;
    this.#text += '\r\n';
    if (this.#text.length >= CHUNK) this.handOver();
  }

  /** A literal of exactly `size` octets from a stream. Throws when it fails or has another length: then the client can only be cut off. */
  async stream(size: number, octets: AsyncIterable<Buffer>, binary = false): Promise<void> {
    this.#text += announcement(size, binary);
    let left = size;
    for await (const part of octets) {
      left -= part.length;
      if (left < 0) break;
      this.#write(part);
      await this.ready();
    }
    if (left !== 0) throw new Error(`a literal of ${size} octets has ${size - left}`);
  }

  tagged(tag: string, completion: Completion): void {
    this.#add(`${tag} ${completionLine(completion)}`);
    this.end();
  }

  /** `+ text`: the client may go on; sent at once. */
  async goAhead(text: string): Promise<void> {
    this.#add(`+ ${text}`);
    this.end();
    await this.flush();
  }

  /** Resolves when the client has read enough that more may be written: await it in every loop that writes much. */
  ready(): Promise<void> | undefined {
    return this.#written + this.#text.length > WINDOW ? this.flush() : undefined;
  }

  /** Sends what is collected; resolves when the client has taken enough of it, or is gone. */
  async flush(): Promise<void> {
    this.handOver();
    this.#written = 0;
    await this.#connection.flush();
  }

  /** Hands what is collected to the connection, which sends it when it waits for the client. */
  handOver(): void {
    if (this.#text === '') return;
    this.#written += this.#text.length;
    this.#connection.write(this.#text);
    this.#text = '';
  }

  /** A response was begun and could not be ended: whatever came next would be taken for a part of it. So the client is cut off. */
  get unfinished(): boolean {
    return this.#unfinished;
  }

  #literal({ octets, binary }: Literal): void {
    this.#text += announcement(octets.length, binary);
    this.#write(octets);
  }

  #write(octets: Buffer): void {
    this.handOver();
    this.#written += octets.length;
    this.#connection.write(octets);
  }

  #add(text: string): void {
    if (LINE_BREAK.test(text)) throw new Error('a response would break its line');
    this.#text += text;
  }
}

function announcement(size: number, binary: boolean): string {
  return `${binary ? '~' : ''}{${size}}\r\n`;
}
