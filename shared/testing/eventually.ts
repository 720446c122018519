// The bounded poll that tests use instead of sleeping: it asks again until the condition holds, and fails with the last reason when time is up.
import { setTimeout as pause } from 'node:timers/promises';

export type Patience = {
  /** How long to go on asking, in milliseconds. */
  readonly within?: number;
  /** Pause between two questions, in milliseconds. */
  readonly every?: number;
};

/**
 * Resolves with what `condition` returns once that is neither `false`, `undefined` nor `null`. A throw (a failed `expect`, say) counts as
 * not yet; when time is up the error has the last throw as its cause. One call of `condition` that never settles fails in time too.
 */
export async function eventually<T>(condition: () => T | Promise<T>, { within = 5_000, every = 10 }: Patience = {}): Promise<Held<T>> {
  const deadline = performance.now() + within;
  let last: unknown = 'it never settled';
  while (performance.now() < deadline) {
    const answer = await settled(condition, deadline - performance.now());
    if ('value' in answer) return answer.value as Held<T>;
    last = answer.notYet;
    await pause(every);
  }
  throw new Error(`Not within ${within} ms: ${last instanceof Error ? last.message : String(last)}`, { cause: last });
}

/** What is left of T when the condition holds. */
export type Held<T> = Exclude<T, false | undefined | null>;

type Answer<T> = { readonly value: T } | { readonly notYet: unknown };

async function settled<T>(condition: () => T | Promise<T>, within: number): Promise<Answer<T>> {
  const timeUp = new AbortController();
  const never = pause(within, { notYet: 'it never settled' }, { signal: timeUp.signal }).catch(() => ({ notYet: 'stopped' }));
  try {
    return await Promise.race([asked(condition), never]);
  } finally {
    timeUp.abort();
  }
}

async function asked<T>(condition: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    const value = await condition();
    return value === false || value === undefined || value === null ? { notYet: `it was ${String(value)}` } : { value };
  } catch (reason) {
    return { notYet: reason };
  }
}
