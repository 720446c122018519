// Crashes by seed: which process is killed, or stopped for longer than its lease, and when. Owns nothing; the same seed makes the same plan.
import { setTimeout as pause } from 'node:timers/promises';
import type { Part, Product } from '#shared/testing/product.ts';

export type Crash = { readonly part: Part; readonly nth: number; readonly kind: 'kill' | 'stop'; readonly after: number };

export const PARTS: readonly Part[] = ['smtp-ingress', 'router', 'resolver', 'remote-delivery', 'local-mailbox', 'bounce', 'redis'];

/** A lease is 10 s: stopped for longer, a process comes back believing what is no longer true. */
export const LONGER_THAN_A_LEASE = 12_000;

/** `count` crashes; every part has its turn before one has a second. `copies` of each role. */
export function planCrashes(seed: number, count: number, copies: number): readonly Crash[] {
  const random = seeded(seed);
  const turns = Array.from({ length: Math.ceil(count / PARTS.length) }, () => shuffled(PARTS, random)).flat();
  return turns.slice(0, count).map((part) => ({
    part,
    nth: part === 'redis' ? 0 : Math.floor(random() * copies),
    kind: random() < 0.5 ? 'kill' : 'stop',
    after: Math.round(500 + random() * 2500),
  }));
}

/** Waits as long as it says, and lets it happen. A stopped process goes on in the end. */
export async function crash(product: Product, { part, nth, kind, after }: Crash): Promise<void> {
  await pause(after);
  if (kind === 'kill') return product.kill(part, nth);
  const pid = product.stopProcess(part, nth);
  await pause(LONGER_THAN_A_LEASE);
  product.contProcess(pid);
}

/** mulberry32: numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
