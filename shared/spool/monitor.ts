// Watches what admission depends on: memory of Redis, free disk, queued messages and bytes, the age of the router's oldest.
// `refusal` answers from the last look, so MAIL waits for nothing; who asks has the next one made, at most once a second.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { AWAY } from '#shared/actor/shard.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { AT_REST, every } from '#shared/telemetry/every.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { Admission, Refusal } from './admission.ts';
import type { ColdStore } from './cold-store.ts';
import { memoryOf } from './memory.ts';

/** While mail comes, milliseconds from look to look. */
const FRESH = 1_000;
/** A Redis that has been away no longer than this (ms) makes nobody be refused: its restart is a slow 250. */
const BRIEFLY = 5000;

export interface Monitor extends Admission {
  /** One look, now. */
  look(): Promise<void>;
  stop(): void;
}

interface MonitorOptions {
  readonly system: OpenActorSystem;
  readonly cold: ColdStore;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

interface Facts {
  readonly messages: number;
  readonly bytes: number;
  readonly hot: number;
  readonly used: number;
  readonly max: number;
  readonly storedBytes: number;
  readonly freeBytes: number;
  readonly oldest: number;
}

/** Resolves after the first look; without one, nothing is admitted. */
export async function startMonitor(options: MonitorOptions): Promise<Monitor> {
  const { clock, metrics, system, config } = options;
  let facts: Facts | null = null;
  let failure = 'the queue has not been looked at yet';
  let beganAt = clock.monotonic();
  /** Since when Redis has not answered, or null. */
  let unansweredSince: number | null = null;
  let looking: Promise<void> | null = null;
  const stale = () => unansweredSince !== null && clock.monotonic() - unansweredSince > BRIEFLY;
  const look = async () => {
    beganAt = clock.monotonic();
    unansweredSince ??= beganAt;
    try {
      facts = await gather(options);
      unansweredSince = null;
      failure = 'Redis does not answer';
      publish(metrics, facts);
    } catch (error) {
      failure = (error as Error).message;
    }
  };
  const lookAgain = () => {
    if (looking || clock.monotonic() - beganAt < FRESH) return;
    looking = look().finally(() => {
      looking = null;
    });
  };
  // While nobody asks, looks are seldom: that Redis went away is known from its connection.
  const away = () => {
    unansweredSince ??= clock.monotonic();
  };
  system.reader.on('close', away);
  await look();
  const endLooks = every(AT_REST, lookAgain);
  return {
    look,
    stop: () => {
      endLooks();
      system.reader.off('close', away);
    },
    refusal: (size) => {
      lookAgain();
      const closed = system.closedBecause();
      if (closed && (stale() || !closed.startsWith(AWAY))) return { kind: 'unavailable', why: closed };
      return facts && !stale() ? tooFull(facts, config(), size) : { kind: 'unavailable', why: failure };
    },
  };
}

function tooFull(facts: Facts, config: Config, size: number): Refusal | null {
  const { queue } = config;
  const full = (why: string): Refusal => ({ kind: 'full', why });
  if (facts.max > 0 && facts.used + Math.min(size, queue.hot_limit) > facts.max * queue.memory_watermark)
    return full('Redis is over its memory watermark (queue.memory_watermark)');
  if (facts.freeBytes - size < queue.min_free) return full('the disk is under queue.min_free');
  if (facts.messages >= queue.max_messages) return full('queue.max_messages is reached');
  if (facts.bytes + size > queue.max_bytes) return full('queue.max_bytes is reached');
  if (facts.oldest > queue.max_router_age) return full('the router is behind by more than queue.max_router_age');
  return null;
}

async function gather({ system, cold, clock }: MonitorOptions): Promise<Facts> {
  const { reader, shards } = system;
  const [memory, usage, ...perShard] = await Promise.all([
    memoryOf(reader),
    cold.usage(),
    ...shards.map(({ base }) =>
      Promise.all([reader.hmget(`${base}stat`, 'messages', 'bytes', 'hot'), reader.zrange(`${base}due:router`, '0', '0', 'WITHSCORES')]),
    ),
  ]);
  const total = (i: number) => perShard.reduce((sum, [stat]) => sum + Number(stat[i] ?? 0), 0);
  const now = clock.now();
  return {
    messages: total(0),
    bytes: total(1),
    hot: total(2),
    ...memory,
    storedBytes: usage.storedBytes,
    freeBytes: usage.freeBytes,
    oldest: Math.max(0, ...perShard.map(([, first]) => (first[1] ? now - Number(first[1]) : 0))),
  };
}

function publish(metrics: Metrics, facts: Facts): void {
  metrics.spoolMessages.set(facts.messages);
  metrics.spoolHotBytes.set(facts.hot);
  metrics.spoolColdBytes.set(facts.storedBytes);
  metrics.redisUsedMemory.set(facts.used);
  metrics.redisMaxMemory.set(facts.max);
}
