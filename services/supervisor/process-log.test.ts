// A process's log in a file: each line is there soon, also the last one before a silence.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { openLog } from './process-log.ts';

test('each line reaches the file without another after it', async () => {
  await using directory = await tempDir('log');
  const file = join(directory.path, 'log');
  const { log } = openLog(schema.parse({ log: { file } }));
  const lines = () => readFileSync(file, 'utf8').split('\n').length - 1;
  for (let line = 1; line <= 3; line++) {
    log.info('one');
    await eventually(() => expect(lines()).toBe(line));
  }
  for (let line = 0; line < 1000; line++) log.info('many at once, more than one write');
  await eventually(() => expect(lines()).toBe(1003));
});
