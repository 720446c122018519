// Two processes of each role, 50 busy sessions, and twenty crashes chosen by seed: kills, and stops longer than a lease, of every role and of
// Redis. STAFETTE_SEED=<number> takes another seed than these.
import { describe, test } from 'vitest';
import { planCrashes } from './testing/crashes.ts';
import { expectNothingLost, judgeCrashes } from './testing/judge-crashes.ts';
import { KINDS_OF_REDIS } from './testing/kinds-of-redis.ts';
import { recordProof } from './testing/record-proof.ts';

const SEEDS = [20_261, 7, 1_105];
const CRASHES = 20;
const COPIES = 2;

const given = process.env['STAFETTE_SEED'];

describe.each(KINDS_OF_REDIS)('$kind', (redis) => {
  test.each(given === undefined ? SEEDS : [Number(given)])('twenty crashes lose nothing, STAFETTE_SEED=%i', { timeout: 1_200_000 }, async (seed) => {
    const verdict = await judgeCrashes({ redis, copies: COPIES, crashes: planCrashes(seed, CRASHES, COPIES), within: 120_000 });
    recordProof('crashes', { seed, crashes: CRASHES, ...verdict }, redis.kind, COPIES);
    expectNothingLost(verdict);
  });
});
