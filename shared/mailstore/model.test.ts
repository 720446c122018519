// Several processes on one store at once, against a model: no lost, duplicated or reordered UID. Seeded; model.soak.ts does it for 10 minutes.
import { expect, test } from 'vitest';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { runModel } from './testing/model.ts';

test('two processes on one SQLite file: every UID is given once, and seen in order', async () => {
  await using directory = await tempDir('model-sqlite');
  expect(await runModel({ dataDir: directory.path, seed: 1, seconds: 6, processes: 2 })).toBeGreaterThan(20);
}, 60_000);

test('three processes on one PostgreSQL: every UID is given once, and seen in order', async () => {
  await using server = await startPostgres();
  await using directory = await tempDir('model-postgres');
  expect(await runModel({ dataDir: directory.path, database: server.url, seed: 2, seconds: 6, processes: 3 })).toBeGreaterThan(20);
}, 60_000);

test('processes that are killed at work leave index and content in agreement', async () => {
  await using directory = await tempDir('model-kill');
  expect(await runModel({ dataDir: directory.path, seed: 3, seconds: 8, processes: 2, killEvery: 3000 })).toBeGreaterThan(20);
}, 60_000);
