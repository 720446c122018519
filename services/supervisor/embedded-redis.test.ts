import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLogger } from '#shared/telemetry/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { findProgram, startChild } from '#shared/testing/process.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { type EmbeddedRedis, startEmbeddedRedis } from './embedded-redis.ts';
import { ask } from './redis-server.ts';
import { findRedisServer, redisArguments, redisMemory, redisPlace, redisSettings } from './redis-settings.ts';

const log = createLogger('silent');
const start = (dataDir: string, maxmemory = 100_000_000) => startEmbeddedRedis({ dataDir, maxmemory, log, signal: new AbortController().signal });
const command = (dataDir: string, ...words: string[]) => ask(redisPlace(dataDir), words[0] as string, ...words.slice(1));
const gone = (pid: number) => eventually(() => !existsSync(`/proc/${pid}`));

async function stopped(redis: EmbeddedRedis) {
  const pid = redis.pid();
  await redis.stop();
  await gone(pid);
}

test('it runs as a 250 needs it: AOF fsynced always, nothing evicted, no TCP port, a folder of mode 0700', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const redis = await start(home.path);
  const setting = async (name: string) => ((await command(home.path, 'CONFIG', 'GET', name)) as string[])[1];
  expect(await setting('appendonly')).toBe('yes');
  expect(await setting('appendfsync')).toBe('always');
  expect(await setting('no-appendfsync-on-rewrite')).toBe('no');
  expect(await setting('maxmemory-policy')).toBe('noeviction');
  expect(await setting('maxmemory')).toBe('100000000');
  expect(await setting('save')).toBe('');
  expect(await setting('port')).toBe('0');
  expect(statSync(join(home.path, 'redis')).mode & 0o777).toBe(0o700);
  await stopped(redis);
});

test('a server that dies is started again with its data', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const redis = await start(home.path);
  await command(home.path, 'SET', 'bag', 'here');
  const before = redis.pid();
  process.kill(before, 'SIGKILL');
  await eventually(async () => redis.pid() !== before && (await command(home.path, 'GET', 'bag')) === 'here');
  await stopped(redis);
});

test('an orphan of an earlier start is adopted, guarded and stopped', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const place = redisPlace(home.path);
  await mkdir(place.folder, { mode: 0o700 });
  const orphan = await startChild(findRedisServer(), redisArguments(place, redisSettings(50_000_000)), place.folder);
  await eventually(() => command(home.path, 'SET', 'bag', 'here'));
  const redis = await start(home.path);
  expect(redis).toMatchObject({ adopted: true });
  expect(redis.pid()).toBe(orphan.pid);
  // It gets the memory that the configuration grants now.
  expect(await command(home.path, 'CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '100000000']);
  await orphan.end('SIGKILL');
  await eventually(async () => (await command(home.path, 'GET', 'bag')) === 'here');
  expect(redis.pid()).not.toBe(orphan.pid);
  await stopped(redis);
});

test('a dead one’s socket and pid file are replaced', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const first = await start(home.path);
  await command(home.path, 'SET', 'bag', 'here');
  await stopped(first);
  const place = redisPlace(home.path);
  // A pid that lives, and is somebody else's.
  writeFileSync(place.pidFile, `${process.pid}\n`);
  writeFileSync(place.socket, '');
  const second = await start(home.path);
  expect(second.adopted).toBe(false);
  expect(await command(home.path, 'GET', 'bag')).toBe('here');
  await stopped(second);
});

test('one that runs here but cannot be reached is ended first: two on one append-only file would ruin it', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const place = redisPlace(home.path);
  await mkdir(place.folder, { mode: 0o700 });
  const hidden = await startChild(
    findRedisServer(),
    [...redisArguments(place, redisSettings(50_000_000)), '--unixsocket', join(place.folder, 'other.sock')],
    place.folder,
  );
  await eventually(() => existsSync(join(place.folder, 'other.sock')) && existsSync(place.pidFile));
  const redis = await start(home.path);
  expect(redis.adopted).toBe(false);
  expect(hidden.running()).toBe(false);
  await stopped(redis);
});

test('what a server that was killed had begun to rewrite is taken away: on a full disk it is the room', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const place = redisPlace(home.path);
  await mkdir(place.folder, { mode: 0o700 });
  const left = join(place.folder, 'temp-rewriteaof-7616.aof');
  writeFileSync(left, 'half of it');
  const redis = await start(home.path);
  expect(existsSync(left)).toBe(false);
  await stopped(redis);
});

test('a damaged append-only file is one line that names the log', { timeout: 30_000 }, async () => {
  await using home = await tempDir();
  const place = redisPlace(home.path);
  await mkdir(join(place.folder, 'appendonlydir'), { recursive: true });
  writeFileSync(join(place.folder, 'appendonlydir', 'appendonly.aof.manifest'), 'nonsense\n');
  await expect(start(home.path)).rejects.toThrow(/^the embedded Redis did not start: .*redis\.log\)$/);
});

test('what cannot work is refused with what mends it', () => {
  expect(() => findRedisServer('/nowhere')).toThrow(
    'neither redis-server nor valkey-server is on the PATH: install one (Debian: apt-get install redis-server), or set redis.url',
  );
  expect(() => redisPlace(`/${'x'.repeat(100)}`)).toThrow('11 bytes too long for a Unix socket');
  expect(findProgram('redis-server', 'valkey-server')).toBe(findRedisServer());
});

test('memory: what is configured, else a quarter of what we may use', () => {
  expect(redisMemory(5)).toBe(5);
  expect(redisMemory(0)).toBeGreaterThan(16_000_000);
});
