// What waits for the next transaction, in the order in which it came, and for how long it may. Owns its patience while nothing can go.
import { StoreUnavailableError } from './errors.ts';
import type { Item } from './transaction-batch.ts';

export const MAX_ITEMS = 512;
const MAX_BYTES = 8 * 1024 * 1024;
const LOOK = 250;
/** Items that wait for no more company. */
const COMPANY = 16;

export class PendingItems {
  readonly #now: () => number;
  readonly #why: () => string | null;
  #items: Item[] = [];
  #patience: NodeJS.Timeout | undefined;

  /** `now` on the monotonic clock; `why` nothing goes now, for who runs out of patience. */
  constructor(now: () => number, why: () => string | null) {
    this.#now = now;
    this.#why = why;
  }

  get length(): number {
    return this.#items.length;
  }

  /** All of them may wait for company, and there is room for more of it. */
  get linger(): boolean {
    return this.#items.length < COMPANY && this.#items.every(({ linger }) => linger);
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** What has to go again goes first. */
  again(items: readonly Item[]): void {
    this.#items.unshift(...items);
  }

  /** The next transaction's; of one script alone where Redis takes no more. */
  take(oneScript: boolean): Item[] {
    // A process that was suspended must not commit what it has promised nobody to commit this late.
    this.#items = this.dropImpatient(this.#items);
    let bytes = 0;
    let count = 0;
    for (const item of this.#items) {
      if (oneScript && item.script !== this.#items[0]?.script) break;
      bytes += item.size;
      if (count >= MAX_ITEMS || (count > 0 && bytes > MAX_BYTES)) break;
      count++;
    }
    return this.#items.splice(0, count);
  }

  /** Rejects those whose patience has ended; returns the others. */
  dropImpatient(items: readonly Item[]): Item[] {
    const now = this.#now();
    for (const item of items) if (item.giveUpAt <= now) item.reject(new StoreUnavailableError(this.#why() ?? 'Redis did not answer in time'));
    return items.filter((item) => item.giveUpAt > now);
  }

  /** Looks after those that lose patience, as long as nothing can go. */
  watch(): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.#items = this.dropImpatient(this.#items);
      if (this.#why() !== null && this.#items.length) this.watch();
    }, LOOK);
  }

  rejectAll(error: Error): void {
    clearTimeout(this.#patience);
    for (const item of this.#items.splice(0)) item.reject(error);
  }
}
