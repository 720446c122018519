// A whole run against the pass-through: the bench goes up, measures, accounts and leaves nothing behind.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { RunOptions } from './bench.ts';
import { processesOf } from './measure.ts';
import { runScenario } from './run.ts';
import { readScenario } from './scenario.ts';

function small() {
  const scenario = readScenario('s1');
  if (scenario.kind !== 'throughput') throw new Error('s1 is a throughput scenario');
  return { ...scenario, warmup: 20, traffic: { ...scenario.traffic, messages: 200, sessions: 4 } };
}

test('a run finds rates, latencies and CPU, and ends what it started', async () => {
  await using directory = await tempDir('bench');
  const pids: number[] = [];
  const options: RunOptions = {
    target: 'passthrough',
    directory: directory.path,
    show: () => undefined,
    started: (target) => pids.push(...target.roots()),
    signal: AbortSignal.timeout(20_000),
  };
  const figures = await runScenario(small(), options);
  expect(figures).toMatchObject({ lost: 0, duplicated: 0, failures: 0, processes: 1 });
  expect(figures['accepting']).toBeGreaterThan(100);
  expect(figures['to250p99']).toBeGreaterThanOrEqual(figures['to250p50'] ?? Number.NaN);
  expect(figures['peakPssMb']).toBeGreaterThan(5);
  expect(processesOf(pids)).toEqual([]);
  expect(readdirSync(directory.path)).toEqual([]);
});

test('an interrupted run ends with an error and its processes with it', async () => {
  await using directory = await tempDir('bench');
  const pids: number[] = [];
  const interrupt = new AbortController();
  const options: RunOptions = {
    target: 'passthrough',
    directory: directory.path,
    show: () => undefined,
    started: (target) => {
      pids.push(...target.roots());
      interrupt.abort();
    },
    signal: interrupt.signal,
  };
  await expect(runScenario(small(), options)).rejects.toThrow('ended early');
  expect(pids).toHaveLength(1);
  expect(processesOf(pids)).toEqual([]);
});
