// The model of several processes on one mail store at length: 10 minutes undisturbed but for Redis, and with processes that are killed every few
// seconds, on both databases. SEED=<number> repeats a run.
import { expect, test } from 'vitest';
import { type ModelRun, runMailModel } from './testing/mail-model.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const minutes = Number(process.env['MINUTES'] ?? 10);

const RUNS: readonly (Omit<ModelRun, 'seed' | 'seconds'> & { readonly share: number })[] = [
  { share: 0.4, database: 'postgres', sessions: 4, redisAway: 10_000 },
  { share: 0.3, database: 'postgres', sessions: 4, killEvery: 4_000 },
  { share: 0.1, database: 'sqlite', sessions: 3, redisAway: 5_000 },
  { share: 0.2, database: 'sqlite', sessions: 3, killEvery: 4_000 },
];

test.each(RUNS)(`$database, killed every $killEvery ms, seed ${seed}`, async ({ share, ...run }) => {
  const { problems, done, messages } = await runMailModel({ ...run, seed, seconds: minutes * 60 * share });
  console.log(JSON.stringify({ ...run, seed, done, messages }));
  expect(problems, `SEED=${seed} repeats it`).toEqual([]);
});
