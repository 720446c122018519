// The embedded Redis: adopted or started, started again whenever it dies, stopped at the end. It owns the server process.
// Callers see only a Unix socket; while the server is away their commits are replayed by the spool.
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '#shared/telemetry/log.ts';
import { wantOfRoom } from './disk-room.ts';
import { OperatorError } from './operator-error.ts';
import { adoptServer, configureServer, launchServer, type RedisServer, stopServer, untilLoaded } from './redis-server.ts';
import { provideRedisServer, readingOnly, redisMemory, redisPlace, redisSettings } from './redis-settings.ts';

export interface EmbeddedRedis {
  /** For redis.url: the path of the Unix socket. */
  readonly url: string;
  readonly adopted: boolean;
  /** Of the server that runs now. */
  pid(): number;
  /** Why it takes no writes now, in one line; null while it does. */
  trouble(): string | null;
  /** Ends the server in an orderly way; resolves when it is gone. */
  stop(): Promise<void>;
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
/** A server that ran this long did not fail at its start: the pauses begin anew. */
const SETTLED = 60_000;
/** How often (ms) a full disk is looked at. */
const LOOK_FOR_ROOM = 1_000;

export interface EmbeddedRedisOptions {
  readonly dataDir: string;
  /** Bytes; 0 takes a quarter of the memory. */
  readonly maxmemory: number;
  readonly log: Logger;
  /** Ends a start that is still loading data. */
  readonly signal: AbortSignal;
}

/** Starts or adopts the server of `dataDir`; resolves when it has loaded its data. Throws OperatorError. */
export async function startEmbeddedRedis(options: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  const { log } = options;
  const place = redisPlace(options.dataDir);
  const maxmemory = redisMemory(options.maxmemory);
  const program = provideRedisServer();
  mkdirSync(place.folder, { recursive: true, mode: 0o700 });
  const full = wantOfRoom(place.folder);
  if (full !== null) throw new OperatorError(`the embedded Redis cannot write: ${full}: free some, or change data_dir`);
  const stopping = new AbortController();
  let server = (await adoptServer(place, maxmemory)) ?? (await launchServer(program, place, redisSettings(maxmemory)));
  let trouble: string | null = null;
  const loaded = (signal: AbortSignal) => untilLoaded(server, place, signal, (state) => log.info({ pid: server.pid, state }, 'waiting for the embedded Redis'));
  try {
    await loaded(options.signal);
  } catch (error) {
    await stopServer(server);
    throw error;
  }
  const first = server;
  const relaunch = async () => {
    trouble = wantOfRoom(place.folder);
    server = await launchServer(program, place, trouble === null ? redisSettings(maxmemory) : readingOnly(maxmemory));
    // `stop` may have found only the server before this one.
    if (stopping.signal.aborted) return stopServer(server);
    await loaded(stopping.signal);
    if (trouble === null) return log.warn({ pid: server.pid }, 'embedded Redis serves again');
    log.error({ pid: server.pid, why: trouble }, 'embedded Redis can be read, and takes no mail until its disk has room');
    void untilRoom(server);
  };
  const untilRoom = async (reader: RedisServer) => {
    while (server === reader && reader.alive() && !stopping.signal.aborted) {
      await pause(LOOK_FOR_ROOM, undefined, { signal: stopping.signal }).catch(() => {}); // aborted: seen above
      if (wantOfRoom(place.folder) !== null) continue;
      try {
        await configureServer(place, redisSettings(maxmemory));
      } catch {
        continue; // it is gone, or will be asked again
      }
      trouble = null;
      return log.warn({ pid: reader.pid }, 'there is room again: embedded Redis takes mail');
    }
  };
  const supervision = supervise(
    () => server,
    relaunch,
    () => wantOfRoom(place.folder),
    stopping.signal,
    log,
  );
  const stop = async () => {
    stopping.abort();
    await stopServer(server);
    await supervision;
  };
  return { url: place.socket, adopted: first.adopted, pid: () => server.pid, trouble: () => trouble, stop };
}

async function supervise(
  current: () => RedisServer,
  relaunch: () => Promise<void>,
  reason: () => string | null,
  stopping: AbortSignal,
  log: Logger,
): Promise<void> {
  let wait = FIRST_PAUSE;
  for (;;) {
    const since = performance.now();
    await current().died;
    if (stopping.aborted) return;
    if (performance.now() - since > SETTLED) wait = FIRST_PAUSE;
    const why = reason();
    log.error({ pid: current().pid, pause: wait, ...(why !== null && { why }) }, 'embedded Redis died; starting it again');
    await pause(wait, undefined, { signal: stopping }).catch(() => {}); // aborted: seen below
    if (stopping.aborted) return;
    wait = Math.min(wait * 2, LONGEST_PAUSE);
    await relaunch().catch((error: Error) => stopping.aborted || log.error({ error: error.message }, 'embedded Redis did not start'));
  }
}
