// The parser between socket and session: smtp-server's, with the way it reads replaced. Owns the bytes that have come and are not yet
// understood; whatever it still holds at STARTTLS or at a close is dropped unread (RFC 3207 section 4.2, CVE-2011-0411).
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { type Line, LineParser } from '#shared/session/line-parser.ts';

/** Takes message data; `feed` returns what follows the end of data once it has come and been answered. */
export interface DataConsumer {
  feed(chunk: Buffer): Promise<Buffer | null>;
}

/** The session, as its stream sees it. */
export interface StreamHandler {
  /** False before the greeting: whoever speaks then is not worth listening to. */
  mayTalk(): boolean;
  onEarlyTalk(): void;
  /** Bytes of the longest line allowed now; `isAuth` when the line begins with AUTH. */
  lineLimit(isAuth: boolean): number;
  /** Resolves when the next line may be read. */
  onLine(line: Line): Promise<void> | undefined;
  /** Something was received: time-outs start anew. */
  onData(): void;
  /** Who takes the bytes instead of the line parser, or null in command mode. */
  dataConsumer(): DataConsumer | null;
  /** Sends replies collected so far (RFC 2920 section 3.2); a promise while the client does not read them. */
  flush(): Promise<void> | undefined;
  /** The client will send no more. */
  onEnd(): void;
  /** A bug or a broken dependency. */
  onFailure(error: unknown): void;
}

/** Lines in one turn of the event loop: heavy pipelining must not starve the other sessions. */
const LINES_PER_TURN = 100;

export class CommandStream extends SMTPStream {
  readonly #handler: StreamHandler;
  readonly #lines = new LineParser();

  constructor(handler: StreamHandler) {
    super();
    this.#handler = handler;
    this.on('finish', () => {
      if (!this.isClosed) handler.onEnd();
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    if (this.isClosed) return next();
    if (!this.#handler.mayTalk()) {
      this.#handler.onEarlyTalk();
      return next();
    }
    this.#lines.push(chunk);
    void this.#read()
      .catch((error: unknown) => this.#handler.onFailure(error))
      .finally(() => next());
  }

  async #read(): Promise<void> {
    for (let count = 1; !this.isClosed; count++) {
      const consumer = this.#handler.dataConsumer();
      const more = consumer ? await this.#readData(consumer) : await this.#readLine();
      if (!more) break;
      if (count % LINES_PER_TURN > 0) continue;
      await this.#handler.flush();
      await nextTurn();
    }
    await this.#handler.flush();
  }

  /** False when all that came is used up. */
  async #readLine(): Promise<boolean> {
    const line = this.#lines.next(this.#handler.lineLimit(this.#lines.startsWith('AUTH')));
    if (line === null) return false;
    this.#handler.onData();
    await this.#handler.onLine(line);
    return true;
  }

  async #readData(consumer: DataConsumer): Promise<boolean> {
    const chunk = this.#lines.rest();
    if (chunk.length === 0) return false;
    this.#handler.onData();
    const rest = await consumer.feed(chunk);
    if (rest !== null && rest.length > 0) this.#lines.push(rest);
    return rest !== null;
  }
}
