import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startChild } from '#shared/testing/process.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { lockDataDir, prepareDataDir } from './data-dir.ts';

test('it is made with mode 0700', async () => {
  await using home = await tempDir();
  const path = join(home.path, 'a', 'b');
  prepareDataDir(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test('one that cannot be written is one line', async () => {
  await using home = await tempDir();
  writeFileSync(join(home.path, 'file'), '');
  expect(() => prepareDataDir(join(home.path, 'file', 'data'))).toThrow(/^data_dir .*\/file\/data cannot be written: ENOTDIR/);
});

test('one in a file system that holds no directories of others is one line too, and soon', () => {
  const module = new URL('data-dir.ts', import.meta.url).href;
  const script = `(await import(${JSON.stringify(module)})).prepareDataDir('/proc/stafette/data')`;
  // In a process of its own: what never returns must not stop the other tests.
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 4_000, encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, expect.stringContaining('data_dir /proc/stafette/data cannot be written: ENOENT')]);
});

test('two Stafettes never share one', async () => {
  await using home = await tempDir();
  const release = lockDataDir(home.path);
  expect(() => lockDataDir(home.path)).toThrow(`data_dir ${home.path} is in use by another Stafette (process ${process.pid}): stop it, or change data_dir`);
  release();
  lockDataDir(home.path)();
});

test('a holder that is killed leaves no lock behind', async () => {
  await using home = await tempDir();
  mkdirSync(join(home.path, 'data'));
  const data = join(home.path, 'data');
  const module = new URL('data-dir.ts', import.meta.url).href;
  const script = `(await import(${JSON.stringify(module)})).lockDataDir(${JSON.stringify(data)}); setInterval(() => {}, 1000);`;
  const holder = await startChild(process.execPath, ['--input-type=module', '-e', script], home.path);
  await eventually(() => readFileSync(join(data, 'lock'), 'utf8') === `${holder.pid}\n`);
  expect(() => lockDataDir(data)).toThrow(`(process ${holder.pid})`);
  await holder.end('SIGKILL');
  lockDataDir(data)();
});
