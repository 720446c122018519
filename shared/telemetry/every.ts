// Housekeeping in step. A wake-up of an idle process costs more than most of what it is woken for (its memory is cold by then), so
// what is done every so often is done at the same instants, by all processes of a host: as in g_timeout_add_seconds of GLib. Each host has
// instants of its own, or the pods of a cluster would ask Redis all at once. It owns one timer, which keeps no process alive.
import { hash } from 'node:crypto';
import { hostname } from 'node:os';

/** Milliseconds after a full minute. */
const HOSTS_INSTANT = Number.parseInt(hash('sha256', hostname()).slice(0, 8), 16) % 60_000;
/** A timer may fire so much (ms) before its time. */
const EARLY = 2;

interface Repeated {
  readonly period: number;
  readonly work: () => void;
  due: number;
}

const repeated = new Set<Repeated>();
let timer: NodeJS.Timeout | undefined;

/** As all processes of the host know it, and yet it never jumps. */
const now = () => performance.timeOrigin + performance.now();

/**
 * Does `work` every `period` milliseconds, the first time after half a period to one and a half, until the function that it returns is
 * called. Periods that are multiples of each other meet. `work` must not throw; what it starts may still be under way when it is called again.
 */
export function every(period: number, work: () => void): () => void {
  const entry: Repeated = { period, work, due: next(period, now() + period / 2) };
  repeated.add(entry);
  schedule();
  return () => void repeated.delete(entry);
}

/**
 * As `every`, and never twice at once; while `work` finds nothing to do (resolves with false), only every `idle` milliseconds. A `work`
 * that fails must catch it itself.
 */
export function everyWhileBusy(period: number, idle: number, work: () => Promise<boolean>): () => void {
  let ended = false;
  let end = () => {};
  const again = (wait: number) => {
    if (!ended) end = once(wait, () => void work().then((found) => again(found ? period : idle)));
  };
  again(period);
  return () => {
    ended = true;
    end();
  };
}

/** As the first call of `every`, and the only one. */
function once(period: number, work: () => void): () => void {
  const end = every(period, () => {
    end();
    work();
  });
  return end;
}

function next(period: number, after: number): number {
  return HOSTS_INSTANT + (Math.floor((after - HOSTS_INSTANT) / period) + 1) * period;
}

function schedule(): void {
  clearTimeout(timer);
  if (repeated.size === 0) return;
  const earliest = Math.min(...[...repeated].map(({ due }) => due));
  timer = setTimeout(doWhatIsDue, Math.max(1, earliest - now())).unref();
}

function doWhatIsDue(): void {
  const until = now() + EARLY;
  const due = [...repeated].filter((entry) => entry.due <= until);
  for (const entry of due) entry.due = next(entry.period, until);
  schedule();
  for (const entry of due) if (repeated.has(entry)) entry.work();
}
