// A connection to a next hop that is ready for mail: sends one transaction after the other, each begun, where the next hop pipelines,
// with the end of the one before it (RFC 2920 section 3.1: content may be followed by commands in one group). Owns the channel.
import type { AttemptFacts } from '#shared/smtp/outcome.ts';
import { addressed } from './addressing.ts';
import type { Capabilities } from './ehlo.ts';
import { losses } from './loss.ts';
import type { RecipientResult, Session, TransactionRequest, TransactionResult } from './request.ts';
import { Transaction } from './transaction.ts';

/** How long QUIT waits for the other side to close, in milliseconds. */
export const GOODBYE = 2_000;

export class SmtpConnection {
  readonly #session: Session;
  #running: Transaction | null = null;
  #next: Transaction | null = null;
  #needsReset = false;
  #transactions = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get facts(): AttemptFacts {
    return this.#session.facts;
  }

  get offered(): Capabilities {
    return this.#session.offered;
  }

  /** Transactions begun or waiting so far. */
  get transactions(): number {
    return this.#transactions;
  }

  /** True while it is free for another transaction. */
  get usable(): boolean {
    return this.#running === null && this.#session.channel.quiet;
  }

  /** True while a transaction runs behind which another may wait at no loss. */
  get joinable(): boolean {
    return this.#next === null && this.#running !== null && this.#running.isShort && this.#session.channel.loss === null;
  }

  /** One transaction, at once when the connection is `usable`, or after the one that runs when it is `joinable`. Rejects only when the content cannot be read. */
  async send(request: TransactionRequest): Promise<TransactionResult> {
    this.#transactions++;
    const { going, results } = addressed(request, this.#session);
    if (!going) return { results: results as RecipientResult[], loss: null, committed: false, needsReset: false };
    const result = await this.#run(going);
    if (going.recipients.length === request.recipients.length) return result;
    const rest = result.results.values();
    return { ...result, results: results.map((own) => own ?? (rest.next().value as RecipientResult)) };
  }

  /** Gives up what runs, at once. */
  abort(why: string): void {
    this.#session.channel.lose(losses.aborted(why));
  }

  quit(): Promise<void> {
    return this.#session.channel.quit(GOODBYE);
  }

  #run(request: TransactionRequest): Promise<TransactionResult> {
    return new Promise((resolve, reject) => {
      const transaction = new Transaction(this.#session, request, {
        follower: () => this.#next,
        ended: (result) => {
          resolve(result);
          this.#advance(result.needsReset);
        },
        broke: (reason) => {
          reject(reason);
          this.#advance(false);
        },
      });
      if (this.#running) this.#next = transaction;
      else this.#begin(transaction);
    });
  }

  /** At once, for the replies to the follower's commands may have come together with the last one of the transaction that ended. */
  #advance(needsReset: boolean): void {
    this.#needsReset = needsReset;
    const next = this.#next;
    this.#running = null;
    this.#next = null;
    if (next) this.#begin(next);
  }

  #begin(transaction: Transaction): void {
    this.#running = transaction;
    transaction.start(this.#needsReset);
  }
}
