// A load of 50 sessions that gives every role work, on several processes of each role and one kind of Redis, with the crashes given; and its judgement.
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { type Crash, crash } from './crashes.ts';
import { inHandOf } from './in-hand.ts';
import type { KindOfRedis } from './kinds-of-redis.ts';
import { watchReports } from './load.ts';
import { prepareMailForEveryRole, RECIPIENTS, type VerdictOfEveryKind } from './mail-for-every-role.ts';

/** Messages a second: each is four recipients, a DSN and a look-up. */
const RATE = 40;
/** Messages acknowledged between two crashes, at the least: all that crashed has work again. */
const BETWEEN = 40;

export interface Crashes {
  readonly redis: KindOfRedis;
  readonly copies: number;
  readonly crashes: readonly Crash[];
  /** Milliseconds for all mail to arrive in the end. */
  readonly within?: number;
}

/** Runs them one after the other, printing each; resolves when all mail has arrived. */
export async function judgeCrashes({ redis: kind, copies, crashes, within = 60_000 }: Crashes): Promise<VerdictOfEveryKind> {
  await using redis = await kind.start();
  await using load = await prepareMailForEveryRole({ messages: 100_000, rate: RATE });
  await using product = await startProduct({ config: { ...load.config, ...redis.config }, split: copies });
  using reports = watchReports(product);
  const source = load.send(product);
  const inHand = inHandOf(product, redis, source);
  const goesOn = async () => {
    const before = source.acknowledgements.acknowledged;
    await eventually(() => source.acknowledgements.acknowledged > before + BETWEEN, { within: 60_000 });
  };
  for (const each of crashes) {
    await Promise.all([goesOn(), pause(each.after)]);
    const held = await crash(product, redis, inHand, each);
    console.log(`${source.acknowledgements.acknowledged} acknowledged; ${each.kind} ${each.part} with ${held} in hand`);
    if (each.part !== 'redis') await eventually(() => product.pids(each.part).length === copies, { within: 30_000 });
  }
  await goesOn();
  await product.ready();
  source.stop();
  return await load.judge(product, source, reports, within);
}

/** Nothing lost; nothing twice in a mailbox; nothing twice elsewhere that the product does not admit; and every kind of recipient had mail. */
export function expectNothingLost(verdict: VerdictOfEveryKind): void {
  console.log(verdict);
  const messages = verdict.acknowledged / RECIPIENTS;
  expect(verdict).toMatchObject({ lost: 0, refused: 0, filedTwice: 0, filed: messages, bounced: messages });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
}
