// One redis-server process of ours: started or adopted, waited for until it has loaded its append-only file, stopped.
// What can fail: a damaged file, a full disk, a server that does not answer; the last line of its log says which.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { wantOfRoom } from './disk-room.ts';
import { OperatorError } from './operator-error.ts';
import { type RedisPlace, redisArguments, redisSettings } from './redis-settings.ts';

export interface RedisServer {
  readonly pid: number;
  /** An orphan of an earlier process, taken over as it runs. */
  readonly adopted: boolean;
  /** Resolves when the process is gone. */
  readonly died: Promise<void>;
  alive(): boolean;
}

/** How long an orderly end may take before SIGKILL: safe, for every acknowledged write is on the disk already. */
const STOP_PATIENCE = 30_000;

/** Starts a server; it has not loaded its data yet. It leads a session of its own, so Ctrl-C reaches us and not it. */
export async function launchServer(program: string, place: RedisPlace, settings: Readonly<Record<string, string>>): Promise<RedisServer> {
  removeUnfinished(place);
  const child = spawn(program, redisArguments(place, settings), { cwd: place.folder, detached: true, stdio: 'ignore' });
  const died = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await spawned(child, program);
  return { pid: child.pid as number, adopted: false, died, alive: () => child.exitCode === null && child.signalCode === null };
}

/**
 * What an earlier process of ours left behind: a server that answers at the socket for this very folder is adopted, one that
 * runs here but cannot be reached is ended (two servers on one append-only file would ruin it), dead remains are removed.
 */
export async function adoptServer(place: RedisPlace, maxmemory: number): Promise<RedisServer | null> {
  const left = leftBehind(place);
  const facts = existsSync(place.socket) ? await factsOf(place).catch(() => null) : null;
  if (facts && facts.folder === realpathSync(place.folder)) {
    await configureServer(place, redisSettings(maxmemory));
    return adopted(facts.pid, place);
  }
  if (left !== null) await stopServer(adopted(left, place));
  rmSync(place.socket, { force: true });
  rmSync(place.pidFile, { force: true });
  return null;
}

/** Changes settings of the running server, all at once. */
export async function configureServer(place: RedisPlace, settings: Readonly<Record<string, string>>): Promise<void> {
  await ask(place, 'CONFIG', 'SET', ...Object.entries(settings).flat());
}

/** Resolves when the server serves. `progress` hears, now and then, that it still loads. Throws OperatorError when it dies or we are stopped. */
export async function untilLoaded(server: RedisServer, place: RedisPlace, signal: AbortSignal, progress: (state: string) => void): Promise<void> {
  let wait = 5;
  for (let next = performance.now() + 5_000; ; wait = Math.min(wait * 1.5, 250)) {
    const state = await ask(place, 'PING').catch((error: Error) => error.message);
    if (state === 'PONG') return;
    if (!server.alive())
      throw new OperatorError(`the embedded Redis did not start: ${wantOfRoom(place.folder) ?? `${lastLine(place.logFile)} (${place.logFile})`}`);
    if (signal.aborted) throw new OperatorError('stopped while the embedded Redis was loading');
    if (performance.now() > next) {
      progress(String(state));
      next = performance.now() + 5_000;
    }
    await Promise.race([pause(wait), server.died]);
  }
}

/** SIGTERM, then SIGKILL when that does not help. Resolves when the process is gone. */
export async function stopServer(server: RedisServer): Promise<void> {
  const patience = new AbortController();
  const late = pause(STOP_PATIENCE, 'late', { signal: patience.signal }).catch(() => 'stopped');
  send(server.pid, 'SIGTERM');
  if ((await Promise.race([server.died, late])) === 'late') send(server.pid, 'SIGKILL');
  await server.died;
  patience.abort();
}

/** One command over a connection of its own. Rejects with what the server or the socket answered. */
export async function ask(place: RedisPlace, command: string, ...words: readonly string[]): Promise<unknown> {
  const redis = new Redis({
    path: place.socket,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    connectTimeout: 0,
    commandTimeout: 10_000,
  });
  redis.on('error', () => {}); // the same error rejects the call below
  await redis.connect();
  try {
    return await redis.call(command, ...words);
  } finally {
    redis.disconnect();
  }
}

async function factsOf(place: RedisPlace): Promise<{ folder: string; pid: number }> {
  const folder = (await ask(place, 'CONFIG', 'GET', 'dir')) as string[];
  const pid = /process_id:(\d+)/.exec(String(await ask(place, 'INFO', 'server')))?.[1];
  return { folder: realpathSync(folder[1] ?? ''), pid: Number(pid) };
}

/** The process that the pid file names, if it is alive and works in our folder: a number alone may be anybody's by now. */
function leftBehind(place: RedisPlace): number | null {
  try {
    const pid = Number(readFileSync(place.pidFile, 'utf8'));
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(place.folder) ? pid : null;
  } catch {
    return null; // no file, or no such process
  }
}

/** A process that is not our child: its end shows when the kernel closes its socket. */
function adopted(pid: number, place: RedisPlace): RedisServer {
  const alive = () => send(pid, 0);
  const closed = () =>
    new Promise<void>((resolve) =>
      connect(place.socket)
        .on('error', () => {})
        .on('close', () => resolve())
        .resume(),
    );
  const watch = async () => {
    while (alive()) {
      await closed();
      await pause(20);
    }
  };
  return { pid, adopted: true, died: watch(), alive };
}

function send(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // gone already
  }
}

function spawned(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new OperatorError(`${program} cannot be run: ${error.message}`)));
  });
}

/** A server that ends while it rewrites its file leaves the half of it behind, and nobody else takes it away: on a full disk that is the room. */
function removeUnfinished({ folder }: RedisPlace): void {
  for (const name of readdirSync(folder)) if (/^temp-.*\.(aof|rdb)$/.test(name)) rmSync(join(folder, name), { force: true });
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) || 'no reason in its log';
  } catch {
    return 'it wrote no log';
  }
}
