// The directory cold store: small contents in append-only segment files, large ones in files of their own, all fsynced.
// For processes of one host, which may share the directory: each appends to its own segments, everybody reads and removes.
import { randomBytes } from 'node:crypto';
import { mkdir, opendir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { type Clock, systemClock } from '#shared/telemetry/clock.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { type ColdLocation, type ColdStore, ContentMissingError, SMALL } from '../cold-store.ts';
import type { QueueId } from '../queue-id.ts';
import { openDeadLists } from './dead-list.ts';
import { shareDirectorySync, syncDirectory } from './directory-sync.ts';
import { watchFreeSpace } from './free-space.ts';
import { openHandleCache } from './handle-cache.ts';
import { asMissing, ignoreMissing, type LargePlace, readLargeFile, writeLargeFile } from './large-file.ts';
import { formatLocation, largeFile, parseFileName, parseLocation, segmentFile } from './segment-format.ts';
import { openSegmentReader } from './segment-reader.ts';
import { openSegmentWriter } from './segment-writer.ts';
import { gather } from './small-or-large.ts';
import { openSweep } from './sweep.ts';

const OPEN_SEGMENTS = 64;
const IDLE_HANDLE = 30_000;
const COUNT_AGAIN = 30_000;
const TICK = 2_000;

export interface DirectoryStoreOptions {
  /** Made when missing, mode 0700. */
  readonly directory: string;
  /** Bytes that stay free: a write that would go below throws SpoolFullError. */
  readonly minFree: number;
  readonly clock?: Clock;
  /** Told of housekeeping that failed; the sweep makes good for it. */
  readonly log?: Logger;
}

/** Opens the store. Throws what mkdir(2) says when the directory cannot be made. */
export async function openDirectoryStore({ directory, minFree, clock = systemClock, log }: DirectoryStoreOptions): Promise<ColdStore> {
  await makeDirectory(directory);
  const space = watchFreeSpace(directory, minFree, clock);
  const sync = shareDirectorySync(directory);
  const readers = openHandleCache('r', OPEN_SEGMENTS, clock);
  const appenders = openHandleCache('a', OPEN_SEGMENTS, clock);
  const readEntry = openSegmentReader(directory, readers);
  const nextName = nameSource();
  const bytes = countBytes(directory, clock);
  const onGone = (segment: string): void => readers.forget(join(directory, segmentFile(segment)));
  const dead = openDeadLists(directory, appenders, onGone);
  const writer = openSegmentWriter({ directory, nextName, clock, space, syncDirectory: sync, onSealed: dead.touch, onStored: bytes.add });
  const sweep = openSweep({ directory, clock, current: writer.current, onGone });
  let keeping = Promise.resolve(false);
  let closed = false;

  /** Whether there is more to do. */
  async function keepHouse(): Promise<boolean> {
    let given = 0;
    try {
      await writer.sealIfOld();
      given = await dead.reap();
      bytes.add(-given);
    } catch (error) {
      log?.warn({ err: error, directory }, 'cold store: housekeeping failed');
    }
    readers.closeIdle(IDLE_HANDLE);
    appenders.closeIdle(IDLE_HANDLE);
    return given > 0 || writer.current() !== null;
  }
  const endKeeping = everyWhileBusy(TICK, () => {
    keeping = keepHouse();
    return keeping;
  });

  async function writeLarge(id: QueueId, pieces: AsyncIterable<Buffer>): Promise<ColdLocation> {
    const place = await writeLargeFile({ directory, space, syncDirectory: sync }, nextName(), id, pieces);
    bytes.add(place.length);
    return formatLocation(place);
  }

  return {
    async write(id, content) {
      if (closed) throw new Error('the cold store is closed');
      const gathered = await gather(content, SMALL);
      return gathered.kind === 'small' ? await writer.append({ id, content: gathered.content }) : await writeLarge(id, gathered.pieces);
    },
    async read(location, from = 0) {
      const place = parseLocation(location);
      if (!place) throw new ContentMissingError(`not a location of the directory store: ${location.slice(0, 200)}`);
      if (place.kind === 'segment') return (await readEntry(place)).subarray(from);
      await checkLargeFile(directory, place);
      return Readable.from(readLargeFile(directory, place, from));
    },
    async remove(location) {
      const place = parseLocation(location);
      if (place?.kind === 'segment') await dead.bury(place.name, place.offset);
      // What no store of ours wrote is not there: removing it is done.
      else if (place) await removeLargeFile(directory, place, bytes.add);
    },
    async sweep(isLive) {
      const removed = await sweep(isLive);
      bytes.forget();
      return { removed };
    },
    usage: async () => ({ storedBytes: await bytes.read(), freeBytes: await space.read() }),
    async close() {
      closed = true;
      endKeeping();
      await writer.close();
      await keeping.then(keepHouse);
      await readers.close();
      await appenders.close();
    },
  };
}

async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  await syncDirectory(dirname(made));
  await syncDirectory(dirname(directory));
}

/** Names no other process makes: a random process id and a sequence. */
function nameSource(): () => string {
  const own = randomBytes(8).toString('hex');
  let sequence = 0;
  return () => `${own}-${(sequence++).toString(36)}`;
}

async function checkLargeFile(directory: string, place: LargePlace): Promise<void> {
  const { size } = await stat(join(directory, largeFile(place.name, place.id))).catch(asMissing);
  if (size !== place.length) throw new ContentMissingError(`content of ${place.id} has ${size} of ${place.length} bytes`);
}

async function removeLargeFile(directory: string, place: LargePlace, count: (bytes: number) => void): Promise<void> {
  const gone = await unlink(join(directory, largeFile(place.name, place.id))).then(() => true, ignoreMissing);
  if (gone) count(-place.length);
}

/** Bytes of all files of the store: counted at most twice a minute, own changes added between. */
function countBytes(directory: string, clock: Clock) {
  let stored = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  return {
    add: (bytes: number): void => {
      stored += bytes;
    },
    forget: (): void => {
      countedAt = Number.NEGATIVE_INFINITY;
    },
    async read(): Promise<number> {
      if (clock.monotonic() - countedAt > COUNT_AGAIN) {
        countedAt = clock.monotonic();
        stored = await sumFiles(directory);
      }
      return stored;
    },
  };
}

async function sumFiles(directory: string): Promise<number> {
  let sum = 0;
  for await (const { name } of await opendir(directory)) {
    if (!parseFileName(name)) continue;
    sum += (await stat(join(directory, name)).catch(ignoreMissing))?.size ?? 0;
  }
  return sum;
}
