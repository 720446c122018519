// A look-up that is asked often and changes rarely: answers are kept for some seconds, and what is asked meanwhile goes into one query.
// Owns the answers. What can fail: the query, which rejects those who wait for it and is asked again by the next.
import type { Clock } from '#shared/telemetry/clock.ts';

export interface BatchedCacheOptions<V> {
  /** Asks for many keys at once; a key without an entry in the answer has the value `null`. */
  readonly load: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds that an answer is gone by. */
  readonly life?: number;
  /** Answers kept, the least lately asked go first. */
  readonly capacity?: number;
}

export interface BatchedCache<V> {
  /** The value at once when it is known, else a promise of it; null when there is none. */
  get(key: string): V | null | Promise<V | null>;
}

/** What changes shows within this. */
const LIFE = 3_000;
const CAPACITY = 20_000;
/** Keys in one query. */
const BATCH = 500;

interface Entry<V> {
  readonly value: V | null;
  readonly until: number;
}

export function createBatchedCache<V>({ load, clock, life = LIFE, capacity = CAPACITY }: BatchedCacheOptions<V>): BatchedCache<V> {
  /** In the order of their loading, the oldest first. */
  const entries = new Map<string, Entry<V>>();
  const waiting = new Map<string, PromiseWithResolvers<V | null>>();
  const underWay = new Map<string, Promise<V | null>>();
  let running = false;

  function remember(key: string, value: V | null): void {
    entries.delete(key);
    entries.set(key, { value, until: clock.monotonic() + life });
    const [oldest] = entries.keys();
    if (entries.size > capacity && oldest !== undefined) entries.delete(oldest);
  }

  async function ask(batch: readonly (readonly [string, PromiseWithResolvers<V | null>])[]): Promise<void> {
    try {
      const found = await load(batch.map(([key]) => key));
      for (const [key, { resolve }] of batch) {
        const value = found.get(key) ?? null;
        remember(key, value);
        resolve(value);
      }
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
    }
  }

  /** One query at a time: while it is under way, the next one gathers. */
  async function run(): Promise<void> {
    running = true;
    // Whoever asks in this turn of the loop is in the first query.
    await Promise.resolve();
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, BATCH);
      for (const [key] of batch) waiting.delete(key);
      await ask(batch);
      for (const [key] of batch) underWay.delete(key);
    }
    running = false;
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry && clock.monotonic() < entry.until) return entry.value;
      const asked = underWay.get(key);
      if (asked) return asked;
      const wanted = Promise.withResolvers<V | null>();
      waiting.set(key, wanted);
      underWay.set(key, wanted.promise);
      if (!running) void run();
      return wanted.promise;
    },
  };
}
