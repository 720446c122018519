// What the runtime's parts share: shards, connections, clock, log, metrics.
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { Entry } from './actor.ts';
import type { RedisClient } from './redis.ts';
import type { Shard } from './shard.ts';

export interface Runtime {
  readonly shards: readonly Shard[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** This process, in the owner field of activations and on the wake channel. */
  readonly processId: string;
  /** Milliseconds for which a key or a job belongs to who took it, unless renewed. */
  readonly lease: number;
  /** One connection for all workers of the process (BullMQ adds a blocking one for each). */
  workerConnection(): RedisClient;
  /** Until the returned function is called, this mailbox's activation hears of what is told. */
  onWake(shard: Shard, mailbox: string, listener: WakeListener): () => void;
}

export interface WakeListener {
  /** An entry that a tell handed straight to the activation; `spent` names the pull whose credit ended with it, or is empty. */
  handed(entry: Entry, spent: string): void;
  /** Entries may have been handed that nobody heard of: the connection was away. */
  missed(): void;
}
