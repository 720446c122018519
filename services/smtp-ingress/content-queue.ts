// Message content on its way from a socket to the spool: one producer, one consumer, a bounded number of bytes between them.
// The consumer sees an error when the message was refused or its client went away, so that nothing half-written stays.

/** What waits for the consumer before the producer must wait: bytes, and pieces, for a client may send a byte at a time. */
const MOST_BYTES = 64 * 1024;
const MOST_PIECES = 64;

export class ContentQueue implements AsyncIterable<Buffer> {
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #state: 'open' | 'ended' | 'failed' | 'abandoned' = 'open';
  #error: Error | undefined;
  #wakeConsumer: () => void = () => {};
  #wakeProducer: () => void = () => {};

  /** A promise when the producer should wait before it pushes more. After the consumer has left, pushes are dropped. */
  push(content: Buffer): Promise<void> | undefined {
    if (this.#state !== 'open') return undefined;
    this.#waiting.push(content);
    this.#bytes += content.length;
    this.#wakeConsumer();
    if (!this.#full()) return undefined;
    return new Promise((resolve) => {
      this.#wakeProducer = resolve;
    });
  }

  /** All has been pushed. */
  end(): void {
    this.#settle('ended');
  }

  /** There will be no end: the consumer's next read throws `error`. Nothing changes after `end`. */
  fail(error: Error): void {
    if (this.#state !== 'open') return;
    this.#error = error;
    this.#waiting.length = 0;
    this.#settle('failed');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const content = this.#waiting.shift();
        if (content) {
          this.#bytes -= content.length;
          if (!this.#full()) this.#wakeProducer();
          yield content;
        } else if (this.#state === 'failed') throw this.#error;
        else if (this.#state !== 'open') return;
        else await this.#arrival();
      }
    } finally {
      this.#waiting.length = 0;
      this.#settle('abandoned');
    }
  }

  #full(): boolean {
    return this.#bytes >= MOST_BYTES || this.#waiting.length >= MOST_PIECES;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeConsumer = resolve;
    });
  }

  #settle(state: 'ended' | 'failed' | 'abandoned'): void {
    if (this.#state === 'open') this.#state = state;
    this.#wakeProducer();
    this.#wakeConsumer();
  }
}
