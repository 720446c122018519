// A real redis-server (or valkey-server) for a test, configured as production needs it. It owns the process and its data directory; the
// data outlive kill and restart, and go when it is closed. What can fail: the start, with the tail of the server's log in the error.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Child, findProgram, outputOf, startChild } from './process.ts';
import { tempDir } from './temp-dir.ts';

export type RedisServerOptions = {
  /** Default 256mb. */
  readonly maxmemory?: string;
  /** Further lines of redis.conf; a line here comes after ours, and so wins. */
  readonly directives?: readonly string[];
  /** Listen on a free TCP port (the default) or only on a Unix socket in the data directory. */
  readonly listen?: 'port' | 'socket';
  /** Parent of the data directory, for a test that brings its own file system. */
  readonly parent?: string;
};

export type RedisServer = AsyncDisposable & {
  /** `redis://127.0.0.1:PORT`, or the path of the Unix socket. */
  readonly url: string;
  /** For `new Redis(server.connection)` and for BullMQ. */
  readonly connection: Pick<RedisOptions, 'host' | 'port' | 'path'>;
  /** 0 when it listens on a Unix socket. */
  readonly port: number;
  /** Holds redis.conf, output.log and the append-only file. */
  readonly directory: string;
  /** Process id of the running server. */
  readonly pid: number;
  /** Starts it again with the same data and address; resolves when it serves. */
  start(): Promise<void>;
  /** SIGTERM: an orderly end. The data stay. */
  stop(): Promise<void>;
  /** SIGKILL, whether it is suspended or not. The data stay. */
  kill(): Promise<void>;
  /** kill, then start. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  /** Runs one command over a connection of its own. */
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** The section of INFO as a map. */
  info(section: string): Promise<ReadonlyMap<string, string>>;
  /** Kills it and removes its data; the same as disposal. */
  close(): Promise<void>;
};

const READY_WITHIN = 10_000;

/** Starts a server that fsyncs each write before it answers and never evicts. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let tries = 3; ; tries--) {
    const server = await prepareRedis(options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      if (tries <= 1 || !/Address already in use/i.test(String(error))) throw error;
    }
  }
}

async function prepareRedis(options: RedisServerOptions): Promise<RedisServer> {
  const home = await tempDir('redis', options.parent);
  const port = options.listen === 'socket' ? 0 : await freePort();
  const socket = join(home.path, 'redis.sock');
  await writeFile(join(home.path, 'redis.conf'), redisConf(options, port, socket));
  const server = redisProcess(home.path, 'redis.conf', port === 0 ? { path: socket } : { host: '127.0.0.1', port });
  const close = async () => {
    await server.kill();
    await home.remove();
  };
  return Object.assign(server, { url: port === 0 ? socket : `redis://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close });
}

function redisConf({ maxmemory = '256mb', directives = [], listen }: RedisServerOptions, port: number, socket: string): string {
  const address = listen === 'socket' ? ['port 0', `unixsocket ${socket}`, 'unixsocketperm 700'] : [`port ${port}`, 'bind 127.0.0.1'];
  const durable = ['appendonly yes', 'appendfsync always', 'no-appendfsync-on-rewrite no', 'save ""'];
  const memory = [`maxmemory ${maxmemory}`, 'maxmemory-policy noeviction'];
  const replication = ['repl-diskless-sync-delay 0', 'repl-ping-replica-period 1', 'repl-timeout 5'];
  return [...address, 'dir .', ...durable, ...memory, ...replication, ...directives, ''].join('\n');
}

type Process = Omit<RedisServer, 'url' | 'close' | typeof Symbol.asyncDispose>;

/** A server process over one configuration file. `command` and readiness go through a connection made for each question. */
export function redisProcess(directory: string, configuration: string, connection: RedisServer['connection'], mode: readonly string[] = []): Process {
  let child: Child | undefined;
  const command = (name: string, ...args: readonly (string | number)[]) => commandTo(connection, name, ...args);
  const start = async () => {
    if (child?.running()) return;
    const program = findProgram('redis-server', 'valkey-server');
    if (program === undefined) throw new Error('Neither redis-server nor valkey-server stands in PATH; on Debian: apt-get install redis-server');
    child = await startChild(program, [join(directory, configuration), ...mode], directory);
    await ready(child, directory, () => command('PING'));
  };
  const end = async (signal: NodeJS.Signals) => {
    await child?.end(signal);
  };
  const kill = () => end('SIGKILL');
  return {
    connection,
    port: connection.port ?? 0,
    directory,
    get pid() {
      if (!child?.running()) throw new Error('This redis-server is not running');
      return child.pid;
    },
    start,
    stop: () => end('SIGTERM'),
    kill,
    restart: async () => {
      await kill();
      await start();
    },
    suspend: () => child?.signal('SIGSTOP'),
    resume: () => child?.signal('SIGCONT'),
    command,
    info: async (section) => parseInfo(String(await command('INFO', section))),
  };
}

/** Runs one command over a connection of its own. */
export async function commandTo(connection: RedisServer['connection'], name: string, ...args: readonly (string | number)[]): Promise<unknown> {
  const redis = new Redis({
    ...connection,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    connectTimeout: 2_000,
    commandTimeout: 10_000,
    disconnectTimeout: 50,
  });
  redis.on('error', () => {}); // the same error rejects the call below
  try {
    await redis.connect();
    return await redis.call(name, ...args.map(String));
  } finally {
    redis.disconnect();
  }
}

async function ready(child: Child, directory: string, ping: () => Promise<unknown>): Promise<void> {
  const served = eventually(async () => !child.running() || (await ping()) === 'PONG', { within: READY_WITHIN, every: 5 });
  await served.catch(() => child.end());
  if (child.running()) return;
  throw new Error(`redis-server did not start:\n${await outputOf(directory)}`);
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'));
  return new Map(fields.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
