// The trace collector: moves trace events from the streams of all shards into SQL, in bulk and off the hot path. Owns its timers.
// A commit comes before the trim, and writing is idempotent, so any number may run and die. While SQL is away the capped streams wait.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import type { Config } from '#shared/config/schema.ts';
import { isRefusedByData } from '#shared/sql/database.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { StreamEntry } from './trace-rows.ts';
import type { TraceStore } from './trace-store.ts';

export interface TraceCollectorOptions {
  readonly system: Pick<OpenActorSystem, 'shards' | 'reader'>;
  readonly store: TraceStore;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface TraceCollector {
  /** Collects until the streams are empty, at most `patience` milliseconds; true when they were. Throws when SQL is away. */
  catchUp(patience: number): Promise<boolean>;
  /** Deletes what is older than trace.keep; returns how many messages. */
  expire(): Promise<number>;
  /** Stops; what is being written is finished. */
  stop(): Promise<void>;
}

/** The streams are looked at this often (milliseconds), seldom while they are empty; who asks for a trace does not wait for it. */
const EVERY = 1_000;
/** Milliseconds that it collects then, and goes on in the next second: mail may come meanwhile. */
const AT_ONCE = 250;
/** In a busy process mail comes first: then collecting waits so long (milliseconds), unless a stream has so many entries. */
const POSTPONED_FOR = 30_000;
const URGENT = 5_000;
/** Share of the time that the event loop worked, above which a process is busy. */
const BUSY = 0.3;
/** Not at once: a start has better things to do. */
const EXPIRE_FIRST = 600_000;
const EXPIRE_EVERY = 3_600_000;
/**
 * Entries of one round, each the events of one group commit: as many as had this many characters in the round before. More of a
 * message's events meet in one row; much more costs memory and saves nothing.
 */
const ROUND_SIZE = 2_000_000;
const FIRST_ENTRIES = 100;
const MOST_ENTRIES = 1_000;
const EXPIRE_BATCH = 500;
/** The cap that the scripts put on the stream (lua/record.lua): at it, the oldest events are lost. */
const CAP = 10_000;

export function startTraceCollector(options: TraceCollectorOptions): TraceCollector {
  const { log, config, clock, store, system } = options;
  const stopping = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();
  let failing = false;

  /** One at a time: two rounds side by side would read the same. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined); // the caller has the error
    return result;
  };
  const drain = (patience: number) => inTurn(() => collectAll(options, patience, stopping.signal));
  const mayWait = patience(options);
  const tick = async () => {
    try {
      const busy = (await mayWait()) || (await drain(AT_ONCE)).collected > 0;
      if (failing) log.info('trace events are collected again');
      failing = false;
      return busy;
    } catch (error) {
      if (!failing) log.warn({ err: (error as Error).message }, 'trace events cannot be collected; they wait in Redis');
      failing = true;
      return false;
    }
  };
  const expire = async () => {
    const before = clock.now() - config().trace.keep;
    let total = 0;
    for (const { number } of system.shards) {
      for (let gone = 1; gone > 0 && !stopping.signal.aborted; total += gone) gone = await inTurn(() => store.expire(number, before, EXPIRE_BATCH));
    }
    return total;
  };
  let expiry: NodeJS.Timeout | undefined;
  const expireLater = (wait: number) => {
    if (stopping.signal.aborted) return;
    expiry = setTimeout(() => {
      expire()
        .catch((error: Error) => log.warn({ err: error.message }, 'old trace events stay for now'))
        .finally(() => expireLater(EXPIRE_EVERY));
    }, wait);
    expiry.unref();
  };
  expireLater(EXPIRE_FIRST);
  const endTicks = everyWhileBusy(EVERY, tick);
  return {
    catchUp: async (patience) => (await drain(patience)).behind === 0,
    expire,
    async stop() {
      stopping.abort();
      endTicks();
      clearTimeout(expiry);
      await turn;
    },
  };
}

/** Asks, before each round, whether it may be put off. */
function patience({ system, clock }: TraceCollectorOptions): () => Promise<boolean> {
  let load = performance.eventLoopUtilization();
  let collectedAt = clock.monotonic();
  return async () => {
    const before = load;
    load = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(load, before).utilization > BUSY && clock.monotonic() - collectedAt < POSTPONED_FOR;
    if (busy && (await Promise.all(system.shards.map(({ base }) => system.reader.xlen(`${base}trace`)))).every((entries) => entries < URGENT)) return true;
    collectedAt = clock.monotonic();
    return false;
  };
}

/** Entries that it collected, and those that are left. */
async function collectAll(options: TraceCollectorOptions, patience: number, signal: AbortSignal): Promise<{ collected: number; behind: number }> {
  const { system, clock, metrics, log } = options;
  const deadline = clock.monotonic() + patience;
  let behind = 0;
  let collected = 0;
  for (const { base } of system.shards) {
    let more = true;
    for (let count = FIRST_ENTRIES; more && !signal.aborted && clock.monotonic() < deadline; ) {
      const { read, size } = await collect(options, `${base}trace`, count);
      more = read === count;
      collected += read;
      count = Math.max(1, Math.min(MOST_ENTRIES, Math.floor((read * ROUND_SIZE) / Math.max(1, size))));
    }
    if (!more) continue;
    const length = await system.reader.xlen(`${base}trace`);
    if (length >= CAP) log.warn({ shard: base, entries: length }, 'the trace stream is full: its oldest events are lost');
    behind += length;
  }
  metrics.traceBacklog.set(behind);
  return { collected, behind };
}

/**
 * One round of one stream; returns how many entries it had, of how many characters. One command reads it: were it read in parts,
 * another collector's trim could take from its middle, and rows that begin alike would no longer be prefixes of each other.
 */
async function collect({ system, store, metrics, log }: TraceCollectorOptions, stream: string, count: number): Promise<{ read: number; size: number }> {
  const entries = (await system.reader.xrange(stream, '-', '+', 'COUNT', count)) as readonly StreamEntry[];
  const last = entries.at(-1);
  if (!last) return { read: 0, size: 0 };
  const { values, damaged } = await writeAll(store, entries, log);
  metrics.traceEvents.inc(values);
  if (damaged > 0) log.error({ stream, damaged }, 'trace events could not be read');
  // Only now, and only what is committed. Exactly: an entry that stays would be read again and again.
  const [ms, seq] = last[0].split('-');
  await system.reader.xtrim(stream, 'MINID', `${ms}-${Number(seq) + 1}`);
  return { read: entries.length, size: entries.reduce((sum, [, fields]) => sum + fields.reduce((length, field) => length + field.length, 0), 0) };
}

/** An entry that the database refuses must not keep the others out: it alone is left out. */
async function writeAll(store: TraceStore, entries: readonly StreamEntry[], log: Logger): Promise<{ values: number; damaged: number }> {
  try {
    return await store.write(entries);
  } catch (error) {
    if (!isRefusedByData(error)) throw error;
    if (entries.length === 1) {
      log.error({ err: (error as Error).message, entry: entries[0]?.[0] }, 'the database refuses trace events');
      return { values: 0, damaged: 1 };
    }
    const each = [];
    for (const entry of entries) each.push(await writeAll(store, [entry], log));
    return each.reduce((sum, one) => ({ values: sum.values + one.values, damaged: sum.damaged + one.damaged }));
  }
}
