// A replicated Redis watched by Sentinel: one master, two replicas and three sentinels, which fail over in about two seconds.
// It owns all six processes and their directories. What can fail: the start.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type RedisServer, type RedisServerOptions, redisProcess, startRedis } from './redis.ts';
import { tempDir } from './temp-dir.ts';

export type SentinelGroup = AsyncDisposable & {
  /** The name by which the sentinels know the master. */
  readonly name: string;
  /** Addresses of the sentinels, for ioredis. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** `redis` of a configuration that uses the group, with each commit acknowledged by a replica. */
  readonly settings: { readonly sentinels: string[]; readonly sentinel_name: string; readonly replicas: 1 };
  /** The data servers; the first was the master at the start. */
  readonly servers: readonly RedisServer[];
  /** The server that a majority of the sentinels name as master now. */
  master(): Promise<RedisServer>;
  /** Resolves with the new master once the sentinels have replaced `old` and it accepts writes. */
  failedOver(old: RedisServer): Promise<RedisServer>;
  /** Resolves when the master has both replicas in step, and the sentinels see them and each other. */
  settled(): Promise<void>;
  /** SIGKILL to all six processes. The data stay. */
  kill(): Promise<void>;
  /** Starts all that does not run with the same data: first the data servers, so that the master is back before its sentinels look for it. */
  start(): Promise<void>;
  close(): Promise<void>;
};

const NAME = 'mymaster';
const QUORUM = 2;
const REPLICAS = 2;
const SENTINELS = 3;
/** A sentinel that had no turn for two seconds does nothing for thirty. */
const PATIENCE = { within: 60_000, every: 50 };

export type SentinelOptions = Omit<RedisServerOptions, 'listen'> & {
  /** Milliseconds of silence after which a sentinel takes the master for dead; a second, unless said. */
  readonly downAfter?: number;
};

/** Longer than a busy machine lets a master wait for its turn: one that is replaced while it lives may lose mail (docs/operations.md). */
export const UNDER_LOAD: SentinelOptions = { downAfter: 5_000 };

/** Starts the group and waits until a failover would succeed. Options are those of each data server. */
export async function startSentinel({ downAfter = 1_000, ...options }: SentinelOptions = {}): Promise<SentinelGroup> {
  await using started = new AsyncDisposableStack();
  const first = started.use(await startRedis(options));
  const replicaOf = { ...options, directives: [...(options.directives ?? []), `replicaof 127.0.0.1 ${first.port}`] };
  const replicas = await Promise.all(Array.from({ length: REPLICAS }, async () => started.use(await startRedis(replicaOf))));
  const sentinels = await Promise.all(Array.from({ length: SENTINELS }, async () => started.use(await startWatcher(first.port, downAfter))));
  const all = started.move();
  const close = () => all.disposeAsync();
  const group = { ...groupOf([first, ...replicas], sentinels), close, [Symbol.asyncDispose]: close };
  await group.settled().catch(async (reason: unknown) => {
    await close();
    throw reason;
  });
  return group;
}

type Watcher = Awaited<ReturnType<typeof startWatcher>>;

async function startWatcher(master: number, downAfter: number) {
  const home = await tempDir('sentinel');
  const port = await freePort();
  const watch = [`monitor ${NAME} 127.0.0.1 ${master} ${QUORUM}`, `down-after-milliseconds ${NAME} ${downAfter}`, `failover-timeout ${NAME} 4000`];
  const lines = [`port ${port}`, 'bind 127.0.0.1', 'dir .', ...watch.map((line) => `sentinel ${line}`), ''];
  await writeFile(join(home.path, 'sentinel.conf'), lines.join('\n'));
  const sentinel = redisProcess(home.path, 'sentinel.conf', { host: '127.0.0.1', port }, ['--sentinel']);
  const close = async () => {
    await sentinel.kill();
    await home.remove();
  };
  await sentinel.start();
  return Object.assign(sentinel, { [Symbol.asyncDispose]: close });
}

function groupOf(servers: readonly RedisServer[], watchers: readonly Watcher[]): Omit<SentinelGroup, 'close' | typeof Symbol.asyncDispose> {
  const master = () =>
    eventually(async () => {
      const named = await Promise.all(watchers.map(namedMaster));
      return servers.find((server) => named.filter((port) => port === server.port).length >= QUORUM);
    });
  const settled = () =>
    eventually(async () => {
      const replication = await (await master()).info('replication');
      const inStep = [...replication].filter(([key, value]) => /^slave\d/.test(key) && value.includes('state=online')).length;
      return inStep === REPLICAS && (await Promise.all(watchers.map(seesAll))).every(Boolean);
    }, PATIENCE).then(() => {});
  const failedOver = (old: RedisServer) =>
    eventually(async () => {
      const now = await master();
      return now !== old && (await now.info('replication')).get('role') === 'master' ? now : undefined;
    }, PATIENCE);
  const kill = async () => void (await Promise.all([...watchers, ...servers].map((each) => each.kill())));
  const start = async () => {
    await Promise.all(servers.map((server) => server.start()));
    await Promise.all(watchers.map((watcher) => watcher.start()));
  };
  const sentinels = watchers.map(({ port }) => ({ host: '127.0.0.1', port }));
  const settings = { sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), sentinel_name: NAME, replicas: 1 as const };
  return { name: NAME, sentinels, settings, servers, master, settled, failedOver, kill, start };
}

async function namedMaster(watcher: Watcher): Promise<number> {
  const address = (await watcher.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as readonly string[];
  return Number(address[1]);
}

/** A sentinel knows the others and the replicas only after it has heard them; before that no failover is possible. */
async function seesAll(watcher: Watcher): Promise<boolean> {
  const line = (await watcher.info('sentinel')).get('master0') ?? '';
  return line.includes('status=ok') && line.includes(`slaves=${REPLICAS},`) && line.includes(`sentinels=${SENTINELS}`);
}
