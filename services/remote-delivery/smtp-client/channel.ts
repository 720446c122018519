// One socket, its reply parser and its one timer. Who speaks on it is the receiver: each reply goes there, and so does the
// end, once. It knows no command. Whatever goes wrong on a socket becomes a Loss here.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Reply } from '#shared/smtp/outcome.ts';
import { type Loss, LostError, losses } from './loss.ts';
import { ReplyParser, ReplySyntaxError } from './reply-parser.ts';

export interface Receiver {
  onReply(reply: Reply): void;
  onLoss(loss: Loss): void;
}

export class Channel {
  #socket: Socket;
  #parser = new ReplyParser();
  #receiver: Receiver | null = null;
  #loss: Loss | null = null;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;
  #deadline = Number.POSITIVE_INFINITY;
  #doing = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Null while the connection lives. */
  get loss(): Loss | null {
    return this.#loss;
  }

  /** True when the next hop has said nothing that nobody waits for. */
  get quiet(): boolean {
    return this.#loss === null && this.#parser.idle;
  }

  /** Who takes replies from now on; of a connection already lost it hears at once. Null: a reply nobody waits for (an idle 421) ends the connection. */
  receive(receiver: Receiver | null): void {
    const loss = this.#loss;
    if (loss) queueMicrotask(() => receiver?.onLoss(loss));
    else this.#receiver = receiver;
    if (receiver === null) this.expectNothing();
  }

  /**
   * Loses the connection unless something moves within `milliseconds`. `doing` names the phase in the diagnostic. The timer
   * is lazy: a deadline that moves away costs nothing until the timer fires.
   */
  expectWithin(milliseconds: number, doing: string): void {
    if (this.#loss) return;
    const deadline = performance.now() + milliseconds;
    this.#doing = doing;
    this.#deadline = deadline;
    if (!this.#timer || this.#firesAt > deadline) this.#setTimer(milliseconds, deadline);
  }

  expectNothing(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
  }

  #setTimer(milliseconds: number, firesAt: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = firesAt;
    this.#timer = setTimeout(() => this.#onTimer(), milliseconds).unref();
  }

  #onTimer(): void {
    this.#timer = undefined;
    if (this.#deadline === Number.POSITIVE_INFINITY) return;
    const left = this.#deadline - performance.now();
    if (left > 1) this.#setTimer(left, this.#deadline);
    else this.lose(losses.timeout(this.#doing));
  }

  write(text: string): void {
    if (!this.#loss) this.#socket.write(text, 'utf8');
  }

  /** Writes the end of a message, and the commands that follow it if there are any, in one go. */
  writeTogether(content: Buffer, end: Buffer, commands: string): void {
    if (this.#loss) return;
    this.#socket.cork();
    this.#socket.write(content);
    this.#socket.write(end);
    if (commands !== '') this.#socket.write(commands, 'utf8');
    this.#socket.uncork();
  }

  /** True when all of it is with the kernel already. */
  writeBytes(bytes: Buffer): boolean {
    if (!this.#loss) this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  /** Resolves when all that was written is with the kernel, or the connection is lost. */
  async flushed(): Promise<void> {
    const socket = this.#socket;
    if (this.#loss || socket.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.write('', () => {
        socket.off('close', resolve);
        resolve();
      });
    });
  }

  /** Sends one command and waits for its reply. Throws LostError. For the steps that open a connection. */
  command(text: string, milliseconds: number, doing: string): Promise<Reply> {
    this.write(text);
    return this.nextReply(milliseconds, doing);
  }

  nextReply(milliseconds: number, doing: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.expectWithin(milliseconds, doing);
      this.receive({
        onReply: (reply) => {
          this.receive(null);
          resolve(reply);
        },
        onLoss: (loss) => reject(new LostError(loss)),
      });
    });
  }

  /**
   * Goes on over `secured` (TLS on the same socket). All that was received in the clear and not yet read is dropped
   * (RFC 3207 section 4.2).
   */
  replaceSocket(secured: Socket): void {
    this.#socket = secured;
    this.#parser = new ReplyParser();
    this.#listen();
  }

  /** Ends the connection at once; the receiver hears why. */
  lose(loss: Loss): void {
    if (this.#loss) return;
    this.#loss = loss;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.onLoss(loss);
  }

  /** Says goodbye and closes; waits neither for the reply nor for anything else for long (RFC 5321 section 4.1.1.10). */
  async quit(milliseconds: number): Promise<void> {
    if (this.#loss) return;
    this.#receiver = null;
    this.#loss = losses.closed('by us');
    clearTimeout(this.#timer);
    const timer = setTimeout(() => this.#socket.destroy(), milliseconds);
    const closed = this.#socket.closed ? Promise.resolve() : once(this.#socket, 'close').catch(() => undefined);
    this.#socket.end('QUIT\r\n');
    await closed;
    clearTimeout(timer);
  }

  /** A socket that was replaced may still have its say: nobody listens. */
  #listen(): void {
    const socket = this.#socket;
    const current = () => socket === this.#socket;
    socket.on('data', (chunk: Buffer) => current() && this.#onData(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => current() && this.lose(losses.closed(error.code ?? error.message)));
    socket.on('end', () => current() && this.lose(losses.closed()));
    socket.on('close', () => current() && this.lose(losses.closed()));
  }

  #onData(chunk: Buffer): void {
    if (this.#loss) return;
    try {
      for (const reply of this.#parser.push(chunk)) this.#dispatch(reply);
    } catch (error) {
      if (!(error instanceof ReplySyntaxError)) throw error;
      this.lose(losses.garbage(error.message));
    }
  }

  #dispatch(reply: Reply): void {
    if (this.#receiver) this.#receiver.onReply(reply);
    else this.lose(losses.closed(`it said ${reply.code} unasked`));
  }
}
