// Message content on its way from a socket to the spool: one producer, one consumer, a bounded number of bytes between them.
// The consumer sees an error when the message was refused or its client went away, so that nothing half-written stays.

/** Bytes that wait for the consumer before the producer must. */
const HIGH_WATER = 64 * 1024;

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
    if (this.#bytes < HIGH_WATER) return undefined;
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
          if (this.#bytes < HIGH_WATER) this.#wakeProducer();
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
