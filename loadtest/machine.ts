// Facts about the machine that a figure depends on, its disk above all. Owns nothing but a scratch file while it measures.
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { blockThread } from '#shared/telemetry/clock.ts';

export interface MachineFacts {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  /** Appends of this many bytes, each with fdatasync, in a second, by one thread. */
  readonly syncs4k: number;
  readonly syncs100k: number;
  /** Nanoseconds to touch a page of memory that was touched a moment ago, and one that was left alone for three seconds. Not in older results. */
  readonly warmPage?: number;
  readonly coldPage?: number;
}

const TMPFS = 0x01021994;

/** Gathers the facts; takes two seconds of disk work in `directory` and three of waiting. Throws when that is no disk: every fsync would be free. */
export function machineFacts(directory: string): MachineFacts {
  if (statfsSync(directory).type === TMPFS) throw new Error(`${directory} is in memory (tmpfs): choose a directory on a disk with --directory`);
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release().split('-')[0] ?? '',
    node: process.version,
    fileSystem: fileSystemOf(directory),
    syncs4k: syncRate(directory, 4096),
    syncs100k: syncRate(directory, 102_400),
    ...pageTimes(),
  };
}

const PAGE = 4096;
const PAGES = 16_384;
const PAUSE = 3000;

/** On a machine of its own the two are alike; a host that takes idle memory from its virtual machines makes the second many times the first. */
function pageTimes(): { readonly warmPage: number; readonly coldPage: number } {
  const memory = new Uint8Array(PAGE * PAGES);
  const touch = () => {
    const start = performance.now();
    for (let at = 0; at < memory.length; at += PAGE) memory[at] = (memory[at] ?? 0) + 1;
    return Math.round(((performance.now() - start) * 1e6) / PAGES);
  };
  for (let round = 0; round < 10; round++) touch();
  const warmPage = touch();
  blockThread(PAUSE);
  return { warmPage, coldPage: touch() };
}

/** The type of the mount with the longest matching path. */
function fileSystemOf(directory: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const holding = mounts.filter(([, point]) => point === '/' || `${directory}/`.startsWith(`${point}/`));
  return holding.sort((a, b) => (b[1]?.length ?? 0) - (a[1]?.length ?? 0))[0]?.[2] ?? 'unknown';
}

/** Appends of `size` bytes with fdatasync that one thread makes in a second; takes that second. */
export function syncRate(directory: string, size: number): number {
  const path = join(directory, `stafette-sync-rate-${process.pid}`);
  const file = openSync(path, 'wx', 0o600);
  const block = Buffer.alloc(size, 'x');
  let writes = 0;
  const start = performance.now();
  try {
    for (; performance.now() - start < 1000; writes++) {
      writeSync(file, block);
      fdatasyncSync(file);
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
  return Math.round((writes * 1000) / (performance.now() - start));
}
