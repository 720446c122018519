// Twenty crashes by seed of every role and of Redis under load; STAFETTE_SEED repeats a run.
import { expect, test } from 'vitest';
import { judgeCrashes } from './testing/judge-crashes.ts';

const seed = Number(process.env['STAFETTE_SEED'] ?? Date.now() % 1_000_000);

test(`twenty crashes lose nothing (STAFETTE_SEED=${seed})`, { timeout: 1_200_000 }, async () => {
  const verdict = await judgeCrashes({ seed, crashes: 20 });
  console.log(verdict);
  expect(verdict).toMatchObject({ lost: 0, refused: 0 });
  expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
});
