// One shard: its key prefix, its commit connections and its queues. Owns the gate: a connection that is ready, durable
// and the master.
import type { Redis } from 'ioredis';
import type { ActorRole } from '#shared/protocol/topology.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { untilInstant } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { durabilityGap } from './durability.ts';
import { GroupCommit } from './group-commit.ts';
import { createJobWriter, type JobWriter } from './jobs.ts';
import { shardBase } from './keys.ts';
import type { RedisClient, RedisConfig } from './redis.ts';
import type { Script } from './scripts.ts';
import type { Argument, SubmitOptions, WakeKey } from './transaction-batch.ts';

const CHECK_EVERY = 10_000;
const CHECK_AGAIN = 500;
/** At a start a Redis may be on its way (a failover, a replica that joins); one that refuses us for longer (ms) has to be mended. */
const START_PATIENCE = 3_000;

/** How a reason begins that says: Redis is away for the moment. Any other is a promise that it cannot keep. */
export const AWAY = 'Redis is away';

export interface ShardOptions {
  readonly number: number;
  readonly config: RedisConfig;
  /** Connections to commit through; more than one spreads content over them. */
  readonly clients: readonly RedisClient[];
  /** The node that holds this shard, for WAIT, ROLE and CONFIG. */
  readonly master: (client: RedisClient, base: string) => Redis;
  readonly roles: readonly ActorRole[];
  readonly scripts: readonly Script[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Shard {
  readonly number: number;
  readonly base: string;
  readonly jobs: JobWriter;
  submit(script: Script, args: readonly Argument[], options?: SubmitOptions): Promise<unknown>;
  /** Makes a job that starts this key; should it be lost, the sweep makes another. */
  wake(key: WakeKey): void;
  /** Why commits wait now, or null. */
  closedBecause(): string | null;
  close(): Promise<void>;
}

export async function openShard(options: ShardOptions): Promise<Shard> {
  const base = shardBase(options.config.prefix, options.number);
  const writers = await Promise.all(options.clients.map((client) => createJobWriter(client, base, options.roles, options.scripts)));
  const { clock, log, metrics, config } = options;
  const gates = options.clients.map((client, i) => {
    const redis = () => options.master(client, base);
    const commit = new GroupCommit({
      base,
      redis,
      jobs: writers[i] as JobWriter,
      replicas: config.replicas,
      replicaTimeout: config.replica_timeout,
      clock,
      log,
      metrics,
    });
    return guard(client, commit, async () => durabilityGap(options.master(client, base), config), log);
  });
  await Promise.all(gates.map((gate) => gate.checked));
  await opened(gates);
  return {
    number: options.number,
    base,
    jobs: writers[0] as JobWriter,
    submit: (script, args, submitOptions) => leastLoaded(gates).commit.submit(script, args, submitOptions),
    wake: (key) => leastLoaded(gates).commit.wake(key),
    closedBecause: () => gates.find((gate) => gate.commit.closedBecause !== null)?.commit.closedBecause ?? null,
    close: async () => {
      await Promise.all(gates.map((gate) => gate.close()));
      await Promise.all(writers.map((writer) => writer.close()));
    },
  };
}

interface Gate {
  readonly commit: GroupCommit;
  readonly checked: Promise<void>;
  close(): Promise<void>;
}

/** Opens the gate of `commit` while the connection is ready and durable; closes it otherwise. */
function guard(client: RedisClient, commit: GroupCommit, gap: () => Promise<string | null>, log: Logger): Gate {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const check = async (): Promise<void> => {
    clearTimeout(timer);
    const found = client.status === 'ready' ? await gap().catch((error: Error) => `${AWAY}: ${error.message}`) : AWAY;
    if (stopped) return;
    if (found !== null && found !== commit.closedBecause) log.error({ why: found }, 'no mail is taken');
    if (found === null && commit.closedBecause !== null) log.info('commits go through');
    commit.setGate(client.status === 'ready' ? found : AWAY);
    timer = setTimeout(() => void check(), found === null ? untilInstant(CHECK_EVERY) : CHECK_AGAIN);
  };
  const onReady = () => void check();
  const onClose = () => commit.setGate(AWAY);
  client.on('ready', onReady);
  client.on('close', onClose);
  return {
    commit,
    checked: check(),
    close: async () => {
      await commit.stop();
      stopped = true;
      clearTimeout(timer);
      client.off('ready', onReady);
      client.off('close', onClose);
    },
  };
}

async function opened(gates: readonly Gate[]): Promise<void> {
  const deadline = performance.now() + START_PATIENCE;
  const closed = () => gates.find(({ commit }) => commit.closedBecause !== null)?.commit.closedBecause ?? null;
  while (closed() !== null && performance.now() < deadline) await new Promise((again) => setTimeout(again, 50));
  const why = closed();
  if (why === null) return;
  await Promise.all(gates.map((gate) => gate.close()));
  throw new Error(why);
}

function leastLoaded(gates: readonly Gate[]): Gate {
  let best = gates[0] as Gate;
  for (const gate of gates) if (gate.commit.load < best.commit.load) best = gate;
  return best;
}
