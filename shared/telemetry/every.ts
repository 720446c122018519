// Housekeeping in step, and seldom while there is no mail. A wake-up of an idle process costs more than most of what it is woken for (its
// memory is cold by then), so what is done every so often is done at the same instants, by all processes of a host: as in
// g_timeout_add_seconds of GLib. Each host has instants of its own, or the pods of a cluster would ask Redis all at once. It owns one timer,
// which keeps no process alive.
import { hash } from 'node:crypto';
import { hostname } from 'node:os';

/** Milliseconds after a full minute. */
const HOSTS_INSTANT = Number.parseInt(hash('sha256', hostname()).slice(0, 8), 16) % 60_000;
/** A timer may fire so much (ms) before its time. */
const EARLY = 2;
/** Milliseconds from turn to turn of what found nothing to do, until mail comes. */
export const AT_REST = 10_000;

interface Repeated {
  readonly work: () => void;
  due: number;
  /** While it rests: the period in which it would be done were there something to do. */
  resting?: number;
}

const repeated = new Set<Repeated>();
let timer: NodeJS.Timeout | undefined;
let anyRests = false;
let arrivals = 0;

/** As all processes of the host know it, and yet it never jumps. */
const now = () => performance.timeOrigin + performance.now();

/** Milliseconds until the next instant, one in each `period`. */
export function untilInstant(period: number): number {
  return instant(period, now()) - now();
}

/**
 * Does `work` every `period` milliseconds, the first time after half a period to one and a half, until the function that it returns is
 * called. Periods that are multiples of each other meet. `work` must not throw; what it starts may still be under way when it is called again.
 */
export function every(period: number, work: () => void): () => void {
  const entry: Repeated = {
    due: instant(period, now() + period / 2),
    work: () => {
      entry.due = instant(period, now() + EARLY);
      work();
    },
  };
  return add(entry);
}

/**
 * As `every`, and never twice at once; when `work` found nothing to do (resolves with false), again after AT_REST or when `mailCame`, whichever
 * is sooner. A `work` that fails must catch it itself.
 */
export function everyWhileBusy(period: number, work: () => Promise<boolean>): () => void {
  const entry: Repeated = {
    due: instant(period, now() + period / 2),
    work: () => {
      entry.due = Number.POSITIVE_INFINITY;
      delete entry.resting;
      const before = arrivals;
      void work().then((found) => {
        const rests = !found && arrivals === before;
        if (rests) entry.resting = period;
        entry.due = instant(rests ? Math.max(period, AT_REST) : period, now() + EARLY);
        schedule();
      });
    },
  };
  return add(entry);
}

/** Ends the rest of what found nothing to do: said wherever a message or an entry is taken in hand. */
export function mailCame(): void {
  arrivals++;
  if (!anyRests) return;
  for (const entry of repeated) {
    if (entry.resting === undefined) continue;
    entry.due = Math.min(entry.due, instant(entry.resting, now() + EARLY));
    delete entry.resting;
  }
  schedule();
}

function add(entry: Repeated): () => void {
  repeated.add(entry);
  schedule();
  return () => void repeated.delete(entry);
}

function instant(period: number, after: number): number {
  return HOSTS_INSTANT + (Math.floor((after - HOSTS_INSTANT) / period) + 1) * period;
}

function schedule(): void {
  clearTimeout(timer);
  const all = [...repeated];
  anyRests = all.some(({ resting }) => resting !== undefined);
  const earliest = Math.min(...all.map(({ due }) => due));
  if (Number.isFinite(earliest)) timer = setTimeout(doWhatIsDue, Math.max(1, earliest - now())).unref();
}

function doWhatIsDue(): void {
  const until = now() + EARLY;
  for (const entry of [...repeated]) if (entry.due <= until && repeated.has(entry)) entry.work();
  schedule();
}
