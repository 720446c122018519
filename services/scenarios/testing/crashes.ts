// Crashes by seed: which process is killed, or stopped for longer than its lease, and when. Owns nothing; the same seed makes the same plan.
import { setTimeout as pause } from 'node:timers/promises';
import type { Part, Product } from '#shared/testing/product.ts';
import { type InHand, stopBusy } from './in-hand.ts';
import { LONGER_THAN_A_LEASE, type RedisToCrash } from './kinds-of-redis.ts';

export type Crash = { readonly part: Part; readonly nth: number; readonly kind: 'kill' | 'stop'; readonly after: number };

export const PARTS: readonly Part[] = ['smtp-ingress', 'router', 'resolver', 'remote-delivery', 'local-mailbox', 'bounce', 'redis'];

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

/** Lets it happen, to a process that has work in hand; a stopped one goes on in the end. Resolves with how much it had, where that can be known. */
export async function crash(product: Product, redis: RedisToCrash, inHand: InHand, { part, nth, kind }: Crash): Promise<number | 'any'> {
  // Whoever has work in hand needs Redis for it.
  if (part === 'redis') {
    await redis.crash(product, kind);
    return 'any';
  }
  const { pid, nth: busy, held } = await stopBusy(product, part, nth, inHand);
  if (kind === 'kill') await product.kill(part, busy);
  else {
    await pause(LONGER_THAN_A_LEASE);
    product.contProcess(pid);
  }
  return held;
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
