// The parts of a running node for a test: a real Redis, the actor system, the spool on a temporary directory. Owns what it
// starts; close it (or use `await using`).
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createActorSystem, type OpenActorSystem } from '#shared/actor/actor-system.ts';
import type { Config, ConfigInput } from '#shared/config/schema.ts';
import { schema } from '#shared/config/schema.ts';
import type { ColdStore } from '#shared/spool/cold-store.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import { RECORD_VERSION } from '#shared/spool/record.ts';
import { createSpool, type RedisSpool } from '#shared/spool/redis-spool.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { Expandable, Incoming } from '#shared/spool/spool.ts';
import { type Clock, systemClock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { tempDir } from './temp-dir.ts';

export interface World extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Every log line so far, parsed. */
  readonly lines: readonly Record<string, unknown>[];
  readonly metrics: Metrics;
  readonly system: OpenActorSystem;
  readonly cold: ColdStore;
  readonly spool: RedisSpool;
  /** A second process's worth of parts on the same Redis and disk. */
  another(): Promise<Node>;
  close(): Promise<void>;
}

export type Node = Pick<World, 'system' | 'cold' | 'spool' | 'metrics'> & { close(): Promise<void> };

export interface WorldOptions {
  readonly config?: ConfigInput;
  readonly clock?: Clock;
  /** Instead of one of its own; it is not closed with the world. */
  readonly redis?: RedisServer;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const input = options.config ?? {};
  const elsewhere = Boolean(input.redis?.sentinels ?? input.redis?.cluster ?? input.redis?.url);
  const own = elsewhere || options.redis ? undefined : await startRedis();
  const redis = own ?? options.redis;
  const directory = await tempDir('world');
  const config = schema.parse({ ...input, redis: { ...(redis ? { url: redis.url } : {}), ...input.redis } });
  const clock = options.clock ?? systemClock;
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug', base: null },
    new Writable({
      write: (chunk, _, done) => {
        lines.push(JSON.parse(String(chunk)) as Record<string, unknown>);
        done();
      },
    }),
  );
  const nodes: Node[] = [];
  const another = async (): Promise<Node> => {
    const node = await startNode(config, clock, log, directory.path);
    nodes.push(node);
    return node;
  };
  const first = await another();
  const close = async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await own?.close();
    await directory[Symbol.asyncDispose]();
  };
  const server = (): RedisServer => {
    if (!redis) throw new Error('this world was given a Redis of another kind');
    return redis;
  };
  return {
    get redis() {
      return server();
    },
    config,
    clock,
    log,
    lines,
    ...first,
    another,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function startNode(config: Config, clock: Clock, log: Logger, directory: string): Promise<Node> {
  const metrics = createMetrics();
  const system = await createActorSystem({ config, clock, log, metrics, scripts: Object.values(spoolScripts) });
  const cold = await openDirectoryStore({ directory, minFree: 0 });
  const spool = createSpool({ system, cold, config: () => config, clock, log, metrics });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await spool.close();
    await system.close();
    await cold.close();
  };
  return { metrics, system, cold, spool, close };
}

/** A message to commit, with defaults for what a test does not care about. */
export function incoming(
  spool: Pick<RedisSpool, 'newId'>,
  given: Partial<Incoming> & { readonly from?: string; readonly to?: readonly string[] } = {},
): Incoming {
  const { from = 'sender@example.com', to = ['rcpt@example.net'], ...rest } = given;
  return {
    id: spool.newId(),
    envelope: { reversePath: from, recipients: to.map((address) => ({ address })), body: '7bit', smtputf8: false },
    origin: { kind: 'smtp', client: '192.0.2.1', helo: 'client.example' },
    hops: 0,
    receivedAt: Date.now(),
    ...rest,
  };
}

/** What an expansion needs of a message that `incoming` made and this code committed. */
export function fresh(id: QueueId): Expandable {
  return { id, head: { version: RECORD_VERSION } };
}
