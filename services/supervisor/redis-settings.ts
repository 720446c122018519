// How the embedded Redis is run: which program, where its files lie, and the settings that make a 250 safe.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DISK_FULL } from '#shared/actor/durability.ts';
import { OperatorError } from './operator-error.ts';

export interface RedisPlace {
  /** Mode 0700: whoever can enter it can read the mail. */
  readonly folder: string;
  readonly socket: string;
  readonly pidFile: string;
  readonly logFile: string;
}

/** sun_path of unix(7), less the closing NUL. */
const LONGEST_SOCKET = 107;

/** Where everything of the embedded Redis lies. Throws OperatorError when the path is too long for a Unix socket. */
export function redisPlace(dataDir: string): RedisPlace {
  const folder = join(dataDir, 'redis');
  const socket = join(folder, 'redis.sock');
  const excess = Buffer.byteLength(socket) - LONGEST_SOCKET;
  if (excess > 0) throw new OperatorError(`data_dir ${dataDir} is ${excess} bytes too long for a Unix socket in it: choose a shorter path`);
  return { folder, socket, pidFile: join(folder, 'redis.pid'), logFile: join(folder, 'redis.log') };
}

/** What must hold in a running server too, so an adopted one is given it again. */
export function redisSettings(maxmemory: number): Readonly<Record<string, string>> {
  return {
    appendonly: 'yes',
    appendfsync: 'always',
    // While a rewrite runs, fsync would otherwise stop: a 250 would be a guess.
    'no-appendfsync-on-rewrite': 'no',
    'maxmemory-policy': 'noeviction',
    maxmemory: String(maxmemory),
    save: '',
    // More while its disk is full: see `readingOnly`.
    'min-replicas-to-write': '0',
    // A rewrite of the log compresses what is a message's content for seconds at most: a tenth of Redis' work under load.
    rdbcompression: 'no',
  };
}

/**
 * For a server whose disk is full. Under `appendfsync always` it ends at the first write that finds no room, and be it that of a key which
 * expires; so it can be read and takes no writes until `redisSettings` are given back to it.
 */
export function readingOnly(maxmemory: number): Readonly<Record<string, string>> {
  return { ...redisSettings(maxmemory), appendfsync: 'everysec', 'min-replicas-to-write': String(DISK_FULL) };
}

/** Arguments of redis-server. No TCP port; the socket stands behind the folder's mode. */
export function redisArguments(place: RedisPlace, settings: Readonly<Record<string, string>>): readonly string[] {
  const files = { dir: place.folder, unixsocket: place.socket, unixsocketperm: '700', pidfile: place.pidFile, logfile: place.logFile };
  // Blocking reads time out at the pace of hz, and an idle server wakes at it: 5 costs half of the default's idle time.
  const pace = { hz: '5', 'dynamic-hz': 'yes' };
  const all = { port: '0', daemonize: 'no', loglevel: 'warning', ...files, ...pace, ...settings };
  return Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
}

/** `configured` bytes, or for 0 a quarter of what this process may use (the cgroup's limit, else the machine's memory). */
export function redisMemory(configured: number): number {
  if (configured > 0) return configured;
  // 0 or an absurdly large number mean: no limit.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(limit, totalmem()) / 4);
}

/** The server program: on the PATH, else Debian's package is installed where we may (deploy/local/ensure-redis.sh). Throws OperatorError with the command to type. */
export function provideRedisServer(): string {
  const script = fileURLToPath(new URL('../../deploy/local/ensure-redis.sh', import.meta.url));
  // An image without the script brings its own server, or is given a URL.
  if (onPath(process.env['PATH'] ?? '') || !existsSync(script)) return findRedisServer();
  const { status, stdout, stderr } = spawnSync('/bin/sh', [script], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw new OperatorError(stderr.trim().split('\n').at(-1) ?? 'redis-server is missing');
}

/** The server program on the PATH. Throws OperatorError. */
export function findRedisServer(path = process.env['PATH'] ?? ''): string {
  const program = onPath(path);
  if (program) return program;
  throw new OperatorError('neither redis-server nor valkey-server is on the PATH: install one (Debian: apt-get install redis-server), or set redis.url');
}

function onPath(path: string): string | undefined {
  return ['redis-server', 'valkey-server'].flatMap((name) => path.split(delimiter).map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
