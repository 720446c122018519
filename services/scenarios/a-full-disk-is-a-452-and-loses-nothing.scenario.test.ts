// The disk of data_dir fills with large messages that cannot leave. While it is full new mail is answered 452; what was acknowledged is
// delivered when the site is back, and then there is room again.
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';
import { mailAnswers } from './testing/talk.ts';

let home: TempDir;
let disk: string;

beforeAll(async () => {
  home = await tempDir('disk');
  disk = join(home.path, 'small');
  await mkdir(disk);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a small file system is needed, which takes root: ${stderr}`);
});

afterAll(async () => {
  spawnSync('umount', ['-l', disk]);
  await home.remove();
});

// With a reserve MAIL is refused in time; without one the disk is really full, in the middle of messages.
describe.each([{ min_free: '16MB' }, { min_free: '0B' }])('min_free $min_free', ({ min_free }) => {
  test('a full disk is a 452 and loses nothing', { timeout: 120_000 }, async () => {
    await using redis = await startRedis();
    await using load = await prepareLoad({ messages: 300, size: 300_000, sessions: 10, retryDelay: 500 });
    await load.sink.setMode('refuse');
    const data_dir = join(disk, min_free);
    const delivery = { retry: ['1s'], circuit: ['1s'] };
    await using product = await startProduct({ config: { ...load.routes, data_dir, redis: { url: redis.url }, queue: { min_free }, delivery } });
    using reports = watchReports(product);
    const source = load.send(product);
    await eventually(() => source.acknowledgements.failures >= 30, { within: 60_000 });
    expect(source.acknowledgements.lastFailure).toMatch(/^452 4\.3\.1 /);
    expect(source.acknowledgements.acknowledged).toBeGreaterThan(20);
    if (min_free !== '0B') await mailAnswers(product, 452, 300_000);
    await load.sink.setMode('accept');
    const verdict = await judge(product, load, source, reports);
    expect(verdict).toMatchObject({ acknowledged: 300, lost: 0, refused: 0, duplicated: 0 });
    await mailAnswers(product, 250);
  });
});
