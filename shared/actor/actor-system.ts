// Makes the actor system of one process: connections, shards, wake channel, sweep. Everything else in this folder hangs
// from here; services see only ./system.ts, the spool also `shards` and `reader`.
import { randomUUID } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import type { Config } from '#shared/config/schema.ts';
import { type ActorRole, ROLES } from '#shared/protocol/topology.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { StoreUnavailableError } from './errors.ts';
import { runKeyed } from './keyed-runner.ts';
import { runPool } from './pool-runner.ts';
import { type Connector, createConnector, type RedisClient } from './redis.ts';
import type { Runtime, WakeListener } from './runtime.ts';
import { type Script, scripts } from './scripts.ts';
import { openShard, type Shard } from './shard.ts';
import { KEYED_ROLES, POOL_ROLES, startSweep } from './sweep.ts';
import type { ActorSystem, DeadLetter, QueueDepth } from './system.ts';

export interface ActorSystemOptions {
  readonly config: Config;
  /** The embedded Redis, when the configuration names none. */
  readonly defaultRedisUrl?: string;
  /** Scripts of the layers above (the spool). */
  readonly scripts?: readonly Script[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Milliseconds; 10 s unless a test is in a hurry. */
  readonly lease?: number;
  /** False for tools that only look. */
  readonly sweep?: boolean;
}

/** The system as the spool and main.ts see it. */
export interface OpenActorSystem extends ActorSystem {
  readonly shards: readonly Shard[];
  /** For reads that change nothing; replies as Buffers where asked. */
  readonly reader: RedisClient;
  readonly processId: string;
  /** Null while commits go through, else why not: /readyz says it. */
  closedBecause(): string | null;
  close(): Promise<void>;
}

/** Short enough that a crash costs seconds, long enough for a garbage collection and a Redis failover. */
const LEASE = 10_000;

const ACTOR_ROLES = ROLES.filter((role): role is ActorRole => [...POOL_ROLES, ...KEYED_ROLES].some((actor) => actor === role));

/** Resolves when connected; throws when Redis cannot be reached or refuses us within 10 s. */
export async function createActorSystem(options: ActorSystemOptions): Promise<OpenActorSystem> {
  const { config, clock, log, metrics } = options;
  const connector = createConnector(config.redis, options.defaultRedisUrl, log);
  const commits = Array.from({ length: config.redis.commit_connections }, (_, i) => connector.connect('commands', `commit-${i}`));
  const reader = connector.connect('reads', 'read');
  await Promise.all([...commits, reader].map(connected));
  const count = config.redis.shards ?? (config.redis.cluster ? 16 : 1);
  const all = [...Object.values(scripts), ...(options.scripts ?? [])];
  const shards = await Promise.all(
    Array.from({ length: count }, (_, number) =>
      openShard({ number, config: config.redis, clients: commits, master, roles: ACTOR_ROLES, scripts: all, clock, log, metrics }),
    ),
  );
  const processId = randomUUID();
  const lazy = lazyConnections(connector, shards, processId);
  const runtime: Runtime = { shards, clock, log, metrics, processId, lease: options.lease ?? LEASE, workerConnection: lazy.worker, onWake: lazy.onWake };
  const stopSweep = options.sweep === false ? () => undefined : startSweep(runtime, (shard) => master(commits[0] as RedisClient, shard.base));
  return {
    shards,
    reader,
    processId,
    closedBecause: () => shards.map((shard) => shard.closedBecause()).find((why) => why !== null) ?? null,
    startPool: (role, factory) => runPool(runtime, role, factory),
    startKeyed: (role, factory) => runKeyed(runtime, role, factory),
    depths: () => depths(runtime),
    deadLetters: (limit) => deadLetters(shards, reader, limit),
    replayDeadLetter: (mailbox, entry) => exhume(runtime, mailbox, entry, true),
    dropDeadLetter: (mailbox, entry) => exhume(runtime, mailbox, entry, false),
    close: async () => {
      stopSweep();
      await Promise.all(shards.map((shard) => shard.close()));
      for (const client of [...commits, reader, ...lazy.opened()]) client.disconnect();
    },
  };
}

async function connected(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    let last = 'no answer';
    const timer = setTimeout(() => reject(new Error(`Redis cannot be reached: ${last}`)), 10_000);
    client.on('error', (error: Error) => {
      last = error.message;
    });
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * The node that holds the keys of this base: itself, or the slot's master in a Cluster. Throws StoreUnavailableError while a Cluster has none
 * that we know: its master is gone, and its successor not told of yet.
 */
function master(client: RedisClient, base: string): Redis {
  if (!(client instanceof Cluster)) return client;
  const pool = (client as unknown as { connectionPool: { getInstanceByKey(key: string): Redis | undefined } }).connectionPool;
  const slots = (client as unknown as { slots: string[][] }).slots;
  const owner = slots[slotOf(base)]?.[0];
  const node = owner === undefined ? undefined : pool.getInstanceByKey(owner);
  if (node) return node;
  // ioredis forgets a master whose connection has ended, and asks for another only when a command of its own fails.
  client.refreshSlotsCache();
  throw new StoreUnavailableError('the master of a slot is not known');
}

/** CRC16 (XMODEM) of the hash tag, modulo 16384: the Redis Cluster specification. */
function slotOf(base: string): number {
  let crc = 0;
  for (const byte of Buffer.from(base.slice(1, base.indexOf('}')))) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % 16_384;
}

function lazyConnections(connector: Connector, shards: readonly Shard[], processId: string) {
  let worker: RedisClient | undefined;
  let subscriber: RedisClient | undefined;
  /** By mailbox: an activation that is being started listens beside the one that it may find. */
  const listeners = new Map<string, readonly WakeListener[]>();
  const channelOf = (shard: Shard) => `${shard.base}wake:${processId}`;
  const subscribe = () => {
    subscriber = connector.connect('waiting', 'wake');
    subscriber.on('message', (channel: string, text: string) => {
      const [mailbox = '', spent = '', entry = ''] = text.split('\n');
      for (const listener of listeners.get(`${channel}\n${mailbox}`) ?? []) listener.handed(entry, spent);
    });
    const channels = shards.map(channelOf);
    // ioredis subscribes again by itself; asked once more, the server answers when that is done.
    subscriber.on('ready', () => {
      const again = subscriber?.subscribe(...channels) ?? Promise.resolve();
      again.then(missed).catch(() => undefined);
    });
  };
  const missed = () => {
    for (const those of listeners.values()) for (const listener of those) listener.missed();
  };
  return {
    worker: () => (worker ??= connector.connect('waiting', 'work')),
    onWake: (shard: Shard, mailbox: string, listener: WakeListener) => {
      if (!subscriber) subscribe();
      // The same key may be active on every shard.
      const name = `${channelOf(shard)}\n${mailbox}`;
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
      return () => {
        const others = listeners.get(name)?.filter((each) => each !== listener) ?? [];
        if (others.length > 0) listeners.set(name, others);
        else listeners.delete(name);
      };
    },
    opened: () => [worker, subscriber].filter((client): client is RedisClient => client !== undefined),
  };
}

async function depths(runtime: Runtime): Promise<readonly QueueDepth[]> {
  const now = runtime.clock.now();
  const ask = async (role: ActorRole, keyed: '0' | '1'): Promise<QueueDepth> => {
    const replies = await Promise.all(runtime.shards.map((shard) => shard.submit(scripts.depth, [role, keyed, now], { patience: 2000 })));
    const rows = replies as [number, number, string][];
    const oldest = Math.min(...rows.map((row) => Number(row[2]) || now));
    return { role, due: sum(rows.map((row) => row[0])), delayed: sum(rows.map((row) => row[1])), oldestDueAge: Math.max(0, now - oldest) };
  };
  return Promise.all([...POOL_ROLES.map((role) => ask(role, '0')), ...KEYED_ROLES.map((role) => ask(role, '1'))]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

async function deadLetters(shards: readonly Shard[], reader: RedisClient, limit: number): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = [];
  for (const shard of shards) {
    for (const [field, json] of Object.entries(await reader.hgetall(`${shard.base}dead`))) {
      const [mailbox = '', entry = ''] = field.split('\n');
      if (found.length < limit) found.push({ mailbox, entry, ...(JSON.parse(json) as { error: string; at: number }) });
    }
  }
  return found;
}

async function exhume(runtime: Runtime, mailbox: string, entry: string, replay: boolean): Promise<boolean> {
  const now = runtime.clock.now();
  const pool = POOL_ROLES.find((role) => role === mailbox);
  for (const shard of runtime.shards) {
    const wakes = replay && pool ? [{ role: pool, entry, at: now }] : [];
    if ((await shard.submit(scripts.exhume, [mailbox, entry, now, replay ? '1' : '0'], { wakes })) === 1) return true;
  }
  return false;
}
