// The model test at length: 10 minutes on both databases, with processes that are killed. SEED=<number> repeats a run.
import { expect, test } from 'vitest';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { runModel } from './testing/model.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const SECONDS = 150;

for (const database of ['SQLite', 'PostgreSQL'])
  for (const killEvery of [undefined, 8000])
    test(`${database}, ${killEvery ? 'killed every few seconds' : 'undisturbed'}, seed ${seed}`, async () => {
      await using server = database === 'PostgreSQL' ? await startPostgres() : null;
      await using directory = await tempDir('model-soak');
      const run = { dataDir: directory.path, database: server?.url, seed, seconds: SECONDS, processes: 4, ...(killEvery && { killEvery }) };
      expect(await runModel(run)).toBeGreaterThan(1000);
    });
