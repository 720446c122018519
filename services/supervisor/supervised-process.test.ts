import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AggregatorRegistry } from 'prom-client';
import { expect, test } from 'vitest';
import { builtinConfig } from '#shared/config/builtin.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { eventually as eventuallyWithin } from '#shared/testing/eventually.ts';
import { startChild } from '#shared/testing/process.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { type SupervisedProcess, superviseProcess } from './supervised-process.ts';

const fixture = (name: string) => fileURLToPath(new URL(`testdata/${name}.ts`, import.meta.url));
const log = createLogger('silent');
const never = new AbortController().signal;
/** A process takes its time to start where many do. */
const eventually = <T>(condition: () => T | Promise<T>) => eventuallyWithin(condition, { within: 25_000 });
const gone = (pid: number) => eventually(() => !existsSync(`/proc/${pid}`));

function supervised(
  args: readonly string[] = [],
  config = () => ({ ...builtinConfig(), hostname: 'first' }),
  watch = { every: 10_000, misses: 6 },
): SupervisedProcess {
  return superviseProcess({ name: 'child', module: fixture('child'), args, config, log, watch });
}

test('a child that is killed is started again', { timeout: 30_000 }, async () => {
  const child = supervised();
  await child.started;
  const first = child.pid() as number;
  process.kill(first, 'SIGKILL');
  await eventually(async () => child.pid() !== first && (await child.report(false)).notReady[0] === 'first');
  await child.stop(never);
});

test('while it is away it is not ready', { timeout: 30_000 }, async () => {
  const child = supervised();
  await child.started;
  process.kill(child.pid() as number, 'SIGKILL');
  await eventually(async () => (await child.report(false)).notReady[0] === 'child: not running');
  await child.stop(never);
});

test('a child that does not answer is not ready', { timeout: 30_000 }, async () => {
  const child = supervised();
  await child.started;
  process.kill(child.pid() as number, 'SIGSTOP');
  expect((await child.report(false)).notReady).toEqual(['child: does not answer']);
  process.kill(child.pid() as number, 'SIGCONT');
  await child.stop(never);
});

test('a child that does not answer for long is told of, killed and started again', { timeout: 30_000 }, async () => {
  const child = supervised([], undefined, { every: 1_100, misses: 3 });
  await child.started;
  expect(child.hangs()).toBeNull();
  const first = child.pid() as number;
  process.kill(first, 'SIGSTOP');
  await eventually(() => child.hangs() === 'child: does not answer');
  expect(child.pid()).toBe(first);
  await gone(first);
  await eventually(async () => child.pid() !== first && (await child.report(false)).notReady[0] === 'first');
  expect(child.hangs()).toBeNull();
  await child.stop(never);
});

test('it gets the configuration, reloads it, and its metrics join ours', { timeout: 30_000 }, async () => {
  let hostname = 'first';
  const child = supervised([], () => ({ ...builtinConfig(), hostname }));
  await child.started;
  expect((await child.report(false)).notReady).toEqual(['first']);
  hostname = 'second';
  child.configure();
  await eventually(async () => (await child.report(false)).notReady[0] === 'second');
  const { metrics } = await child.report(true);
  const merged = await AggregatorRegistry.aggregate([metrics, metrics]).metrics();
  expect(merged).toContain('stafette_delivery_attempts_total{role="router"} 2');
  await child.stop(never);
});

test('a first start that fails rejects with the child’s own line, and is not tried again', { timeout: 30_000 }, async () => {
  const child = supervised(['fails']);
  await expect(child.started).rejects.toThrow('port 25 is in use');
  expect(child.pid()).toBeUndefined();
  await child.stop(never);
});

test('a stop drains it, and an abort ends one that clings to life', { timeout: 30_000 }, async () => {
  const child = supervised(['clings']);
  await child.started;
  const pid = child.pid() as number;
  const patience = new AbortController();
  const stopped = child.stop(patience.signal);
  await child.report(false);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  patience.abort();
  await stopped;
  await gone(pid);
});

test('a parent killed by SIGKILL leaves no orphan', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const file = join(home.path, 'pid');
  const parent = await startChild(process.execPath, [fixture('parent'), file], home.path);
  const pid = await eventually(() => existsSync(file) && Number(readFileSync(file, 'utf8')));
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  await parent.end('SIGKILL');
  await gone(pid);
});
