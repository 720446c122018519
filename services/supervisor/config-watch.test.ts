import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLogger } from '#shared/telemetry/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { watchConfig } from './config-watch.ts';

const log = createLogger('silent');

test('a burst of writes, and a rename over the file, are one reload each; another file is none', async () => {
  await using home = await tempDir();
  const file = join(home.path, 'c.yaml');
  writeFileSync(file, 'a');
  let reloads = 0;
  const watch = watchConfig(file, log, () => reloads++);
  for (const text of ['b', 'c', 'd']) writeFileSync(file, text);
  await eventually(() => reloads > 0);
  expect(reloads).toBe(1);
  writeFileSync(join(home.path, 'other'), 'x');
  writeFileSync(join(home.path, 'new'), 'e');
  renameSync(join(home.path, 'new'), file);
  await eventually(() => reloads > 1);
  expect(reloads).toBe(2);
  watch.close();
});

test('a mounted ConfigMap is swapped behind a link', async () => {
  await using home = await tempDir();
  for (const version of ['1', '2']) {
    mkdirSync(join(home.path, `..${version}`));
    writeFileSync(join(home.path, `..${version}`, 'c.yaml'), version);
  }
  symlinkSync('..1', join(home.path, '..data'));
  symlinkSync('..data/c.yaml', join(home.path, 'c.yaml'));
  let reloads = 0;
  const watch = watchConfig(join(home.path, 'c.yaml'), log, () => reloads++);
  symlinkSync('..2', join(home.path, '..data_tmp'));
  renameSync(join(home.path, '..data_tmp'), join(home.path, '..data'));
  await eventually(() => reloads === 1);
  watch.close();
});
