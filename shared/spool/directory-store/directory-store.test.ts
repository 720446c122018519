// The directory store: conformance, and what only it can get wrong: full disks, torn tails, damage, killed writers, space.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import type { Clock } from '#shared/telemetry/clock.ts';
import { coldStoreConformance } from '../cold-store.conformance.ts';
import { type ColdStore, ContentMissingError, SpoolFullError, wholeOf } from '../cold-store.ts';
import { newQueueId, type QueueId } from '../queue-id.ts';
import { openDirectoryStore } from './directory-store.ts';
import { sealHeader } from './segment-format.ts';

const ELEVEN_MINUTES = 660_000;
const newId = (): QueueId => newQueueId(0, Date.now());
const cleanups: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'stafette-cold-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A clock ahead of the machine's by `ahead.by` milliseconds. */
function adjustable(): { clock: Clock; ahead: { by: number } } {
  const ahead = { by: 0 };
  return { ahead, clock: { now: () => Date.now() + ahead.by, monotonic: () => performance.now() + ahead.by } };
}

async function opened(directory: string, clock?: Clock): Promise<ColdStore> {
  const store = await openDirectoryStore({ directory, minFree: 0, ...(clock && { clock }) });
  cleanups.push(() => store.close());
  return store;
}

/** Sweeps twice, with the time between that a sweep asks for. */
async function sweepTwice(store: ColdStore, ahead: { by: number }, isLive: (id: QueueId) => boolean): Promise<number> {
  const judge = async (ids: readonly QueueId[]): Promise<boolean[]> => ids.map(isLive);
  const { removed } = await store.sweep(judge);
  ahead.by += 6 * ELEVEN_MINUTES;
  return removed + (await store.sweep(judge)).removed;
}

const text = async (store: ColdStore, location: string): Promise<string> => (await wholeOf(await store.read(location))).toString();
const filesOf = async (directory: string, suffix: string): Promise<string[]> => (await readdir(directory)).filter((file) => file.endsWith(suffix));

coldStoreConformance('directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stafette-cold-'));
  const { clock, ahead } = adjustable();
  return {
    open: () => openDirectoryStore({ directory, minFree: 0, clock }),
    age: async () => {
      ahead.by += ELEVEN_MINUTES;
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

test('a full disk is SpoolFullError for small and large, loses nothing acknowledged, and serves again once there is room', async () => {
  const directory = await temporary();
  // Mounting takes root, as the test machine has; without it this test fails and says so.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory]);
  cleanups.push(() => execFileSync('umount', ['--lazy', directory]));
  const store = await opened(directory);
  const kept: string[] = [];
  const fill = async (bytes: number): Promise<unknown> => {
    for (let count = 0; count < 1000; count++) {
      const result = await store.write(newId(), Buffer.alloc(bytes, kept.length)).catch((error: unknown) => error);
      if (typeof result !== 'string') return result;
      kept.push(result);
    }
    return null;
  };
  expect(await fill(600_000)).toBeInstanceOf(SpoolFullError);
  expect(await fill(50_000)).toBeInstanceOf(SpoolFullError);
  expect(await filesOf(directory, '.part')).toEqual([]);
  for (const [index, location] of kept.entries()) expect((await wholeOf(await store.read(location))).every((byte) => byte === index)).toBe(true);
  await store.remove(kept[0] ?? '');
  expect(await fill(50_000)).toBeInstanceOf(SpoolFullError);
  expect(kept.length).toBeGreaterThan(16);
  for (const [index, location] of kept.entries()) if (index > 0) expect((await wholeOf(await store.read(location)))[0]).toBe(index);
});

test('under min_free nothing is written', async () => {
  const directory = await temporary();
  const store = await openDirectoryStore({ directory, minFree: 1e15 });
  cleanups.push(() => store.close());
  await expect(store.write(newId(), Buffer.from('x'))).rejects.toThrow(SpoolFullError);
  await expect(store.write(newId(), Buffer.alloc(300_000))).rejects.toThrow(SpoolFullError);
  expect((await store.usage()).storedBytes).toBe(0);
});

test('damage and truncation are ContentMissingError, and the neighbours stay readable', async () => {
  const directory = await temporary();
  const store = await opened(directory);
  const [first = '', second = '', third = ''] = await Promise.all(['first', 'second', 'third'].map((word) => store.write(newId(), Buffer.from(word))));
  const [segment = ''] = await filesOf(directory, '.seg');
  const handle = await open(join(directory, segment), 'r+');
  await handle.write(Buffer.from('X'), 0, 1, Number(second.split(':')[2]) + 49);
  await handle.close();
  await expect(store.read(second)).rejects.toThrow(ContentMissingError);
  expect(await text(store, first)).toBe('first');
  await truncate(join(directory, segment), Number(third.split(':')[2]) + 50);
  await expect(store.read(third)).rejects.toThrow(ContentMissingError);
  const large = await store.write(newId(), Buffer.alloc(300_000, 'l'));
  const [file = ''] = await filesOf(directory, '.eml');
  const change = await open(join(directory, file), 'r+');
  await change.write(Buffer.from('X'), 0, 1, 1234);
  await change.close();
  await expect(text(store, large)).rejects.toThrow(ContentMissingError);
});

test('a segment whose entries are all dead is unlinked once it is sealed, whoever removed them', async () => {
  const directory = await temporary();
  const { clock, ahead } = adjustable();
  const writer = await opened(directory, clock);
  const other = await opened(directory, clock);
  const locations = await Promise.all(Array.from({ length: 30 }, () => writer.write(newId(), Buffer.alloc(100))));
  await Promise.all(locations.map((location, index) => (index % 2 ? writer : other).remove(location)));
  expect(await filesOf(directory, '.seg')).toHaveLength(1);
  ahead.by += ELEVEN_MINUTES;
  const fresh = await writer.write(newId(), Buffer.from('fresh'));
  await expect.poll(() => filesOf(directory, '.seg'), { timeout: 5000 }).toHaveLength(1);
  expect(await filesOf(directory, '.dead')).toEqual([]);
  expect(await text(writer, fresh)).toBe('fresh');
});

test('marks torn or doubled do not unlink a live entry', async () => {
  const directory = await temporary();
  const { clock, ahead } = adjustable();
  const store = await opened(directory, clock);
  const dead = await store.write(newId(), Buffer.from('dead'));
  const live = await store.write(newId(), Buffer.from('live'));
  for (let count = 0; count < 5; count++) await store.remove(dead);
  const [sidecar = ''] = await filesOf(directory, '.dead');
  await appendFile(join(directory, sidecar), Buffer.from('Dead\x01\x02'));
  await store.remove(dead);
  ahead.by += ELEVEN_MINUTES;
  await store.write(newId(), Buffer.from('next segment'));
  await store.close();
  const again = await opened(directory, clock);
  expect(await text(again, live)).toBe('live');
});

test('content that imitates a seal does not unlink its segment', async () => {
  const directory = await temporary();
  const store = await opened(directory);
  const live = await store.write(newId(), Buffer.from('live'));
  const forged = await store.write(newId(), Buffer.concat([Buffer.from('mail'), sealHeader(1)]));
  await store.remove(forged);
  // Closing reaps: another process does, while the segment is still in use here.
  const other = await opened(directory);
  await other.remove(forged);
  await other.close();
  expect(await text(store, live)).toBe('live');
});

test('a jump of the wall clock makes nothing old', async () => {
  const directory = await temporary();
  let wall = 0;
  const store = await opened(directory, { now: () => Date.now() + wall, monotonic: () => performance.now() });
  const location = await store.write(newId(), Buffer.alloc(300_000));
  await store.sweep(async (ids) => ids.map(() => false));
  wall = 1e9;
  expect(await store.sweep(async (ids) => ids.map(() => false))).toEqual({ removed: 0 });
  expect((await wholeOf(await store.read(location))).length).toBe(300_000);
});

test('the sweep finds live entries behind damage', async () => {
  const directory = await temporary();
  const { clock, ahead } = adjustable();
  const store = await opened(directory, clock);
  const first = newId();
  const second = newId();
  await store.write(first, Buffer.from('StfE'.repeat(200)));
  const location = await store.write(second, Buffer.from('precious'));
  await store.close();
  const [segment = ''] = await filesOf(directory, '.seg');
  const handle = await open(join(directory, segment), 'r+');
  await handle.write(Buffer.alloc(8), 0, 8, 0);
  await handle.close();
  const again = await opened(directory, clock);
  expect(await sweepTwice(again, ahead, (id) => id === second)).toBe(0);
  expect(await text(again, location)).toBe('precious');
  expect(await sweepTwice(again, ahead, () => false)).toBe(1);
});

test('a writer stopped for longer than the guard does not lose what it writes after a sweep took its segment', async () => {
  const directory = await temporary();
  const stopped = await opened(directory);
  await stopped.write(newId(), Buffer.from('old'));
  const { clock, ahead } = adjustable();
  const other = await opened(directory, clock);
  expect(await sweepTwice(other, ahead, () => false)).toBe(1);
  const location = await stopped.write(newId(), Buffer.from('new'));
  expect(await text(other, location)).toBe('new');
});

test('names that are not ours are left alone', async () => {
  const directory = await temporary();
  await appendFile(join(directory, 'README'), 'hands off');
  const { clock, ahead } = adjustable();
  const store = await opened(directory, clock);
  await sweepTwice(store, ahead, () => false);
  expect((await stat(join(directory, 'README'))).size).toBe(9);
});

test('kill -9 of a writer: everything it acknowledged is readable, and its torn tail is given back', async () => {
  const directory = await temporary();
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'writer.child.ts'), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: [string, number][] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [location = '', seed = ''] = line.split(' ');
    acknowledged.push([location, Number(seed)]);
    if (acknowledged.length === 600) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  const { clock, ahead } = adjustable();
  const store = await opened(directory, clock);
  for (const [location, seed] of acknowledged) {
    const content = await wholeOf(await store.read(location));
    expect(content.length).toBeGreaterThan(0);
    expect(content.every((byte) => byte === seed % 251)).toBe(true);
  }
  await sweepTwice(store, ahead, () => false);
  expect(await readdir(directory)).toEqual([]);
});
