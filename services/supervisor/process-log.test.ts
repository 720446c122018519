// A process's log: each line is there soon, also the last one before a silence. One that cannot be written costs nothing but its lines, and
// goes on when it can.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

test('a reload opens the file anew, and no line is lost', async () => {
  await using directory = await tempDir('log');
  const file = join(directory.path, 'log');
  const config = schema.parse({ log: { file } });
  const { log, reload } = openLog(config);
  for (let line = 0; line < 100; line++) log.info('before, more than one write');
  renameSync(file, `${file}.1`);
  reload(config);
  log.info('after');
  await eventually(() => expect(readFileSync(file, 'utf8')).toMatch(/"after"/));
  expect(`${readFileSync(`${file}.1`, 'utf8')}${readFileSync(file, 'utf8')}`.match(/\n/g)).toHaveLength(101);
});

test('a full disk holds nobody up, and what waited is written when there is room', async () => {
  await using directory = await tempDir('log');
  await using disk = smallDisk(join(directory.path, 'small'));
  const file = join(disk.folder, 'log');
  const { log } = openLog(schema.parse({ log: { file } }));
  disk.fill();
  const before = process.cpuUsage();
  for (let line = 0; line < 1000; line++) log.info({ line }, 'more than the disk has');
  await expect(eventually(() => readFileSync(file, 'utf8').includes('"line":999'), { within: 1_500, every: 100 })).rejects.toThrow();
  const { user, system } = process.cpuUsage(before);
  expect(user + system, 'microseconds').toBeLessThan(500_000);
  rmSync(disk.filler);
  const lines = await eventually(() => {
    const all = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(all).toHaveLength(1000);
    return all;
  });
  expect(lines.map((text) => (JSON.parse(text) as { line: number }).line)).toEqual(Array.from({ length: 1000 }, (_, line) => line));
});

test('the end does not wait for a full disk', () => {
  const { log, flush } = openLog(schema.parse({ log: { file: '/dev/full' } }));
  log.fatal('lost');
  const began = performance.now();
  flush();
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('nor for a reader that does not read', async () => {
  const url = new URL('log-writer.ts', import.meta.url).href;
  const lines = `const log = new LogWriter(); for (let line = 0; line < 10_000; line++) log.write('x'.repeat(99) + '\\n');`;
  const program = `import { LogWriter } from '${url}'; ${lines} setTimeout(() => { log.end(); process.exit(7); }, 200);`;
  await using child = keeping(spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }));
  expect(await once(child.process, 'exit', { signal: AbortSignal.timeout(10_000) })).toEqual([7, null]);
});

const keeping = (process: ChildProcess) => ({ process, [Symbol.asyncDispose]: async () => void process.kill('SIGKILL') });

/** A file system of its own that `fill` leaves without room. */
function smallDisk(folder: string) {
  mkdirSync(folder);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a small file system is needed, which takes root: ${stderr}`);
  const filler = join(folder, 'of-somebody-else');
  const fill = () => expect(() => writeFileSync(filler, Buffer.alloc(2 << 20))).toThrow(/ENOSPC/);
  return { folder, filler, fill, [Symbol.asyncDispose]: async () => void spawnSync('umount', ['-l', folder]) };
}
