// Appends small contents to this process's current segment, many to one fdatasync, and starts a new segment in time.
// Fails with SpoolFullError when the disk is full; any other error of the file system is passed on to those it met.
import type { Clock } from '#shared/telemetry/clock.ts';
import type { ColdLocation } from '../cold-store.ts';
import { shareCommits } from '../shared-commit.ts';
import type { DirectorySync } from './directory-sync.ts';
import { asSpoolFull, type FreeSpace } from './free-space.ts';
import { createSegment, type Entry, type Segment } from './segment.ts';
import { HEADER_SIZE } from './segment-format.ts';

const SEGMENT_BYTES = 64 * 1024 * 1024;
const SEGMENT_AGE = 600_000;
/** Of one commit: 16 MB, or 512 small entries. */
const COMMIT_WEIGHT = 16 * 1024 * 1024;
const ENTRY_WEIGHT = 32 * 1024;

export interface SegmentWriter {
  /** Resolves when the content is durable. */
  append(entry: Entry): Promise<ColdLocation>;
  /** The segment in use, which a sweep leaves alone. */
  current(): string | null;
  /** Seals the segment in use when it is older than 10 minutes, so that it can be given back. */
  sealIfOld(): Promise<void>;
  /** Finishes what was begun and seals. */
  close(): Promise<void>;
}

export interface SegmentWriterOptions {
  readonly directory: string;
  readonly nextName: () => string;
  readonly clock: Clock;
  readonly space: FreeSpace;
  readonly syncDirectory: DirectorySync;
  /** Told of each sealed segment. */
  readonly onSealed: (name: string) => void;
  /** Told of bytes that became durable. */
  readonly onStored: (bytes: number) => void;
}

export function openSegmentWriter({ directory, nextName, clock, space, syncDirectory, onSealed, onStored }: SegmentWriterOptions): SegmentWriter {
  let current: { readonly segment: Segment; readonly openedAt: number } | null = null;
  const commits = shareCommits({ commit, limit: COMMIT_WEIGHT, weight: (entry: Entry) => entry.content.length + ENTRY_WEIGHT });
  const isOld = (): boolean => current !== null && clock.monotonic() - current.openedAt >= SEGMENT_AGE;

  async function commit(entries: readonly Entry[]): Promise<readonly ColdLocation[]> {
    try {
      await space.claim(entries.reduce((sum, { content }) => sum + HEADER_SIZE + content.length, 0));
      for (;;) {
        const segment = await segmentInUse();
        const before = segment.size();
        const locations = await segment.append(entries);
        onStored(segment.size() - before);
        if (segment.isLinked()) return locations;
        // This process was stopped for so long that a sweep elsewhere took its segment away: written again.
        await leave((each) => each.abandon());
      }
    } catch (error) {
      if (current && !current.segment.usable()) await leave((each) => each.abandon());
      throw asSpoolFull(error);
    }
  }

  async function segmentInUse(): Promise<Segment> {
    if (current && (current.segment.size() >= SEGMENT_BYTES || isOld())) await seal();
    current ??= { segment: await createSegment(directory, nextName(), syncDirectory), openedAt: clock.monotonic() };
    return current.segment;
  }

  async function seal(): Promise<void> {
    const name = await leave((segment) => segment.seal());
    if (name !== null) onSealed(name);
  }

  async function leave(how: (segment: Segment) => Promise<void>): Promise<string | null> {
    const segment = current?.segment;
    current = null;
    if (!segment) return null;
    await how(segment);
    return segment.name;
  }

  return {
    append: commits.add,
    current: () => current?.segment.name ?? null,
    async sealIfOld() {
      if (commits.idle() && isOld()) await seal();
    },
    async close() {
      await commits.settled();
      await seal();
    },
  };
}
