// What a target costs: CPU time and memory of all its processes, read from /proc. A process belongs to the target when it
// descends from one of its roots, or when its environment carries the target's mark (so a daemon that left the tree counts).
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Clock ticks per second of /proc/<pid>/stat; Linux has shown 100 to user space on every architecture for decades. */
const TICKS = 100;
/** The environment variable that marks a target's processes. */
export const MARK = 'STAFETTE_LOADTEST_TARGET';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** Ticks since boot when it started: with the pid, its identity. */
  readonly startedAt: number;
  /** Ticks of itself and of the children it has waited for: the sum over a tree loses nothing to processes that ended. */
  readonly ticks: number;
}

/** One process of /proc, or undefined when it is gone. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const text = readOrGone(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { pid, parent: Number(fields[1]), name: text.slice(text.indexOf('(') + 1, end), startedAt: Number(fields[19]), ticks };
}

/** All processes of a target. */
export function processesOf(roots: readonly number[], mark?: string): ProcessEntry[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  const members = new Set(roots);
  if (mark !== undefined) for (const { pid } of all) if (readOrGone(`/proc/${pid}/environ`)?.includes(`${MARK}=${mark}\0`)) members.add(pid);
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const { pid, parent } of all) if (members.has(parent)) members.add(pid);
  }
  return all.filter(({ pid }) => members.has(pid));
}

/** CPU seconds of the processes since they began, ended children included. */
export function cpuSeconds(processes: readonly ProcessEntry[]): number {
  return processes.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS;
}

/** Proportional set size in bytes, shared pages divided among those who share them. Costs some 0.3 ms per process. */
export function proportionalSetSize(processes: readonly ProcessEntry[]): number {
  return processes.reduce((sum, { pid }) => sum + 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(readOrGone(`/proc/${pid}/smaps_rollup`) ?? '')?.[1] ?? 0), 0);
}

export interface Meter {
  /** CPU seconds since the meter started. */
  cpu(): number;
  /** CPU seconds since the meter started, by process name. */
  cpuByName(): Record<string, number>;
  /** CPU seconds since the meter started of each process that plays a role (`--role NAME`), by role. */
  cpuByRole(): Map<string, number[]>;
  /** Ends sampling and returns the highest PSS seen, in bytes. */
  stop(): { readonly peakPss: number; readonly processes: number };
}

/** Starts metering a target; PSS is sampled every `interval` milliseconds, rarely, for sampling costs CPU of its own. */
export function startMeter(roots: () => readonly number[], mark: string | undefined, interval = 2000): Meter {
  const read = () => processesOf(roots(), mark);
  const start = read();
  let peakPss = 0;
  let processes = 0;
  const sample = () => {
    const now = read();
    processes = Math.max(processes, now.length);
    peakPss = Math.max(peakPss, proportionalSetSize(now));
  };
  const timer = setInterval(sample, interval).unref();
  return {
    cpu: () => cpuSeconds(read()) - cpuSeconds(start),
    cpuByName: () => byName(start, read()),
    cpuByRole: () => byRole(start, read()),
    stop() {
      clearInterval(timer);
      sample();
      return { peakPss, processes };
    },
  };
}

/** Milliseconds of one look at a target, the share of a core below which it is quiet then, how often in a row it has to be, and how often it is looked at. */
const LOOK = 1000;
const QUIET = 0.15;
const IN_A_ROW = 3;
const LOOKS = 40;

/**
 * Waits until the target has no more to do. What ends after the last delivery (removal from the queue, logs, what is traced later) is the cost
 * of the run that made it, not of the next. Once is not enough: work may have been put off for a second or two.
 */
export async function untilQuiet(meter: Pick<Meter, 'cpu'>): Promise<void> {
  let before = meter.cpu();
  for (let look = 0, quiet = 0; look < LOOKS && quiet < IN_A_ROW; look++) {
    await wait(LOOK);
    const now = meter.cpu();
    quiet = (now - before) * 1000 < LOOK * QUIET ? quiet + 1 : 0;
    before = now;
  }
}

function byName(start: readonly ProcessEntry[], end: readonly ProcessEntry[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name, ticks } of end) sums[name] = (sums[name] ?? 0) + ticks / TICKS;
  for (const { name, ticks } of start) sums[name] = (sums[name] ?? 0) - ticks / TICKS;
  return sums;
}

function byRole(start: readonly ProcessEntry[], end: readonly ProcessEntry[]): Map<string, number[]> {
  const roles = new Map<string, number[]>();
  for (const { pid, ticks } of end) {
    const role = /\0--role[=\0]([a-z0-9-]+)\0/.exec(readOrGone(`/proc/${pid}/cmdline`) ?? '')?.[1];
    const before = start.find((entry) => entry.pid === pid)?.ticks ?? 0;
    if (role) roles.set(role, [...(roles.get(role) ?? []), (ticks - before) / TICKS]);
  }
  return roles;
}

/** A process may end between listing and reading it: that is no error. */
function readOrGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
