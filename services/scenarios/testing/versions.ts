// What processes of two versions share: a Redis, a data directory, and a next hop that is unwilling at first. It owns them, and every process it starts.
import { Redis } from 'ioredis';
import type { ConfigInput } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import { RECORD_VERSION } from '#shared/spool/record.ts';
import { type Product, type ProductOptions, startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { type Sink, startSink } from '#shared/testing/sink.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { SHARD, UNWILLING } from './mail-in-every-state.ts';
import { unpackPreviousVersion } from './previous-version.ts';

/** What the version before writes, and all that it reads. */
export const BEFORE = (RECORD_VERSION - 1) as 1;

export type Writer = 'the version before' | 'this version' | 'this version, writing as the version before';

export type Versions = AsyncDisposable & {
  readonly redis: Redis;
  readonly sink: Sink;
  start(writer: Writer, roles: readonly Role[]): Promise<Product>;
  /** The versions that these records have. */
  versionsOf(ids: readonly string[]): Promise<readonly number[]>;
  /** Every record, by its key. */
  records(): Promise<Readonly<Record<string, unknown>>>;
};

export async function openVersions(): Promise<Versions> {
  await using started = new AsyncDisposableStack();
  const previous = started.use(await unpackPreviousVersion());
  const data = started.use(await tempDir('data'));
  const server = started.use(await startRedis());
  const redis = new Redis(server.connection);
  started.defer(() => redis.disconnect());
  const sink = started.use(await startSink({ tls: 'none', script: UNWILLING }));
  const config: ConfigInput = {
    data_dir: data.path,
    redis: { url: server.url },
    domains: { 'here.test': {} },
    accounts: [{ address: 'ann@here.test' }, { address: 'bob@here.test' }],
    routes: { '*': { transport: 'smarthost', host: '127.0.0.1', port: sink.port, tls: 'none' } },
    delivery: { retry: ['1h'], circuit: ['1s'] },
  };
  const options: Readonly<Record<Writer, ProductOptions>> = {
    'the version before': { main: previous.main, config },
    'this version': { config },
    'this version, writing as the version before': { config: { ...config, queue: { min_free: '1MB', record_version: BEFORE } } },
  };
  const records = async () => {
    const keys = await redis.keys(`${SHARD}m:*`);
    return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await redis.hgetall(key)] as const)));
  };
  const all = started.move();
  return {
    redis,
    sink,
    start: async (writer, roles) => all.use(await startProduct({ ...options[writer], roles })),
    versionsOf: async (ids) => {
      const heads = await Promise.all(ids.map((id) => redis.hget(`${SHARD}m:${id}`, 'e')));
      return [...new Set(heads.map((head) => (JSON.parse(head ?? '{}') as { version: number }).version))];
    },
    records,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
