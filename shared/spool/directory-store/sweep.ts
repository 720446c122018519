// The sweep: gives back what nothing refers to, some files at each call. A file is judged only when an earlier sweep saw it
// the same, since the record that will name its content may not be committed yet; what the wall clock says is not asked, for
// it jumps. Segments are not compacted: one live entry keeps its segment.
import { open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { QueueId } from '../queue-id.ts';
import { readDead } from './dead-list.ts';
import { ignoreMissing } from './large-file.ts';
import { condemnedFile, deadFile, parseFileName, type StoredFile, segmentFile } from './segment-format.ts';
import { type WalkedEntry, walkSegment } from './segment-walk.ts';

/** Milliseconds between the two looks. */
const REST = 600_000;
/** A slow sender may need long to fill the next piece of a large message. */
const REST_PARTIAL = 3_600_000;
const FILES_PER_SWEEP = 1000;
const FILES_SEEN = 100_000;
const IDS_PER_QUESTION = 500;

export type IsLive = (ids: readonly QueueId[]) => Promise<readonly boolean[]>;

export interface SweepOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** The segment this process appends to. */
  readonly current: () => string | null;
  readonly onGone: (segment: string) => void;
}

/** One sweep after another: each goes on where the last one stopped. Returns how many contents were given back. */
export function openSweep(options: SweepOptions): (isLive: IsLive) => Promise<number> {
  let cursor = '';
  const hasRested = watchRest(options);
  return async (isLive) => {
    const files = (await readdir(options.directory)).filter((file) => file > cursor).sort();
    const part = files.slice(0, FILES_PER_SWEEP);
    cursor = files.length > part.length ? (part.at(-1) ?? '') : '';
    let removed = 0;
    const large: { file: string; id: QueueId }[] = [];
    for (const file of part) {
      const stored = parseFileName(file);
      if (!stored || !(await hasRested(file, stored.kind === 'partial' ? REST_PARTIAL : REST))) continue;
      if (stored.kind === 'large') large.push({ file, id: stored.id });
      else removed += await sweepFile(options, file, stored, isLive);
    }
    return removed + (await sweepLarge(options, large, isLive));
  };
}

/** Tells whether a file is the same as it was `rest` milliseconds ago or longer. */
function watchRest({ directory, clock }: SweepOptions): (file: string, rest: number) => Promise<boolean> {
  const seen = new Map<string, { readonly size: number; readonly mtimeMs: number; readonly at: number }>();
  return async (file, rest) => {
    const found = await stat(join(directory, file)).catch(ignoreMissing);
    const before = seen.get(file);
    if (found && before?.size === found.size && before.mtimeMs === found.mtimeMs) return clock.monotonic() - before.at >= rest;
    seen.delete(file);
    if (found) seen.set(file, { size: found.size, mtimeMs: found.mtimeMs, at: clock.monotonic() });
    if (seen.size > FILES_SEEN) for (const [oldest] of seen.entries().take(FILES_PER_SWEEP)) seen.delete(oldest);
    return false;
  };
}

async function sweepFile(options: SweepOptions, file: string, stored: StoredFile, isLive: IsLive): Promise<number> {
  const path = join(options.directory, file);
  switch (stored.kind) {
    case 'segment':
      return stored.name === options.current() ? 0 : await sweepSegment(options, stored.name, isLive);
    case 'condemned':
      // A sweep died between judging and unlinking: judge again.
      if (!(await moved(path, join(options.directory, segmentFile(stored.name))))) return 0;
      return await sweepSegment(options, stored.name, isLive);
    case 'dead':
      if (!(await stat(join(options.directory, segmentFile(stored.name))).catch(ignoreMissing))) await unlink(path).catch(ignoreMissing);
      return 0;
    case 'partial':
      await unlink(path).catch(ignoreMissing);
      return 1;
    case 'large':
      return 0;
  }
}

async function sweepLarge({ directory }: SweepOptions, files: readonly { file: string; id: QueueId }[], isLive: IsLive): Promise<number> {
  let removed = 0;
  for (let from = 0; from < files.length; from += IDS_PER_QUESTION) {
    const asked = files.slice(from, from + IDS_PER_QUESTION);
    const live = await isLive(asked.map(({ id }) => id));
    for (const [index, { file }] of asked.entries()) {
      if (live[index] !== false) continue;
      await unlink(join(directory, file)).catch(ignoreMissing);
      removed++;
    }
  }
  return removed;
}

async function sweepSegment(options: SweepOptions, name: string, isLive: IsLive): Promise<number> {
  const handle = await open(join(options.directory, segmentFile(name)), 'r').catch(ignoreMissing);
  if (!handle) return 0;
  try {
    const { size } = await handle.stat();
    const dead = await readDead(options.directory, name);
    const entries = await countIfNoneLive(walkSegment(handle), dead, isLive);
    if (entries === null) return 0;
    return (await condemn(options, name, size)) ? entries : 0;
  } finally {
    await handle.close();
  }
}

/** How many entries were not marked dead, or null as soon as one of them is live. */
async function countIfNoneLive(entries: AsyncIterable<WalkedEntry | 'sealed'>, dead: ReadonlySet<number>, isLive: IsLive): Promise<number | null> {
  let asked: QueueId[] = [];
  let count = 0;
  const anyLive = async (): Promise<boolean> => {
    const live = asked.length === 0 ? [] : await isLive(asked);
    const found = asked.some((_, index) => live[index] !== false);
    asked = [];
    return found;
  };
  for await (const entry of entries) {
    if (entry === 'sealed' || dead.has(entry.offset)) continue;
    count++;
    asked.push(entry.id);
    if (asked.length >= IDS_PER_QUESTION && (await anyLive())) return null;
  }
  return (await anyLive()) ? null : count;
}

/**
 * Unlinks the segment unless it grew since it was judged. Renamed first: a writer that was stopped for longer than the
 * guard either has appended already (the size tells, and the name is given back), or misses the name after its own write
 * and writes again elsewhere.
 */
async function condemn({ directory, onGone }: SweepOptions, name: string, size: number): Promise<boolean> {
  const path = join(directory, segmentFile(name));
  const condemned = join(directory, condemnedFile(name));
  if (!(await moved(path, condemned))) return false;
  if ((await stat(condemned)).size !== size) {
    await rename(condemned, path);
    return false;
  }
  await unlink(condemned);
  await unlink(join(directory, deadFile(name))).catch(ignoreMissing);
  onGone(name);
  return true;
}

/** False when somebody else was there first. */
async function moved(from: string, to: string): Promise<boolean> {
  return (await rename(from, to).then(() => true, ignoreMissing)) === true;
}
