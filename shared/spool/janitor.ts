// The janitor: removes cold content that finished messages left behind, sweeps the cold store for what nobody refers to, and
// moves content out of Redis while it is over half its memory. Runs wherever the cold store is reachable.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { ColdStore } from './cold-store.ts';
import { coolMessage } from './cooling.ts';
import { memoryOf } from './memory.ts';
import { type QueueId, shardOf } from './queue-id.ts';

const TRASH_EVERY = 1_000;
const SWEEP_EVERY = 3_600_000;
const TRASH_BATCH = 500;
/** Share of maxmemory above which content moves to the cold tier. */
const PRESSURE = 0.5;
const SCAN = 500;
const COOL_EVERY = 2_000;
/** Sleeping keys looked at in one pass, and entries of each read at a time. */
const SLEEPING = 500;
const COOLED = 512;

interface JanitorOptions {
  readonly system: OpenActorSystem;
  readonly cold: ColdStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Janitor {
  /** Removes what is on the trash lists now; returns how many. */
  takeOutTrash(): Promise<number>;
  /** Removes cold content without a record; slow. */
  sweepCold(): Promise<number>;
  /** Moves some content to the cold tier when Redis is over half its memory; returns how many messages. */
  relieve(): Promise<number>;
  /** Moves content that arrived for keys which sleep (their circuit is open); returns how many messages. */
  coolSleeping(): Promise<number>;
  stop(): void;
}

export function startJanitor(options: JanitorOptions): Janitor {
  const { system, cold, log } = options;
  const cursors = new Map<string, string>();
  const cooled = new Map<string, number>();
  const janitor = {
    async takeOutTrash() {
      let count = 0;
      for (const { base } of system.shards) {
        const locations = (await system.reader.lpop(`${base}trash`, TRASH_BATCH)) ?? [];
        await Promise.all(locations.map((location) => cold.remove(location)));
        count += locations.length;
      }
      return count;
    },
    async sweepCold() {
      const isLive = (ids: readonly QueueId[]) =>
        Promise.all(ids.map(async (id) => (await system.reader.hexists(`${system.shards[shardOf(id)]?.base}m:${id}`, 'l')) === 1));
      return (await cold.sweep(isLive)).removed;
    },
    async coolSleeping() {
      let moved = 0;
      for (const shard of system.shards) {
        if ((await system.reader.set(`${shard.base}cooler`, system.processId, 'PX', COOL_EVERY - 200, 'NX')) === 'OK')
          moved += await coolShard(options, shard, cooled);
      }
      return moved;
    },
    async relieve() {
      const { used, max } = await memoryOf(system.reader);
      if (max === 0 || used < max * PRESSURE) return 0;
      let moved = 0;
      for (const shard of system.shards) {
        const [cursor, ids] = await scan(system, shard.base, cursors.get(shard.base) ?? '0');
        cursors.set(shard.base, cursor);
        await Promise.all(ids.map((id) => coolMessage(options, shard, id)));
        moved += ids.length;
      }
      return moved;
    },
  };
  /** Whether any of these had something to do. */
  const done = async (failure: string, ...work: readonly Promise<number>[]): Promise<boolean> => {
    try {
      return (await Promise.all(work)).some((count) => count > 0);
    } catch (error) {
      log.warn({ err: (error as Error).message }, failure);
      return false;
    }
  };
  const sweeping = setInterval(
    () => void janitor.sweepCold().catch((error: Error) => log.warn({ err: error.message }, 'cold sweep failed')),
    SWEEP_EVERY,
  ).unref();
  const ends = [
    everyWhileBusy(TRASH_EVERY, () => done('janitor failed', janitor.takeOutTrash(), janitor.relieve())),
    everyWhileBusy(COOL_EVERY, () => done('content stays in Redis for now', janitor.coolSleeping())),
  ];
  return {
    ...janitor,
    stop: () => {
      clearInterval(sweeping);
      for (const end of ends) end();
    },
  };
}

/**
 * What waits for a site that refuses arrives after its circuit opened, so no attempt moves its content. A mailbox is in the order of due
 * times: `cooled` remembers how far each has been looked at.
 */
async function coolShard(options: JanitorOptions, shard: Shard, cooled: Map<string, number>): Promise<number> {
  const { reader } = options.system;
  let moved = 0;
  const asleep = await reader.zrangebyscore(`${shard.base}keys:remote-delivery`, options.clock.now() + COOL_EVERY, '+inf', 'LIMIT', 0, SLEEPING);
  for (const key of asleep) {
    const mailbox = `${shard.base}due:remote-delivery:${key}`;
    for (let full = true; full; ) {
      const found = await reader.zrangebyscore(mailbox, `(${cooled.get(mailbox) ?? 0}`, options.clock.now(), 'WITHSCORES', 'LIMIT', 0, COOLED);
      full = found.length === 2 * COOLED;
      if (found.length === 0) break;
      const ids = new Set(found.filter((_, i) => i % 2 === 0).map((entry) => entry.slice(0, 25) as QueueId));
      for (const some of chunks([...ids], 32)) await Promise.all(some.map((id) => coolMessage(options, shard, id)));
      // Those of the last millisecond may not all have been among them.
      cooled.set(mailbox, Number(found.at(-1)) - (full ? 0 : 1));
      moved += ids.size;
    }
  }
  for (const mailbox of cooled.keys()) if (cooled.size > SLEEPING * 4) cooled.delete(mailbox);
  return moved;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Some ids of messages, wherever the scan is. In a Cluster the scan sees one node's keys at a time. */
async function scan(system: OpenActorSystem, base: string, cursor: string): Promise<[string, QueueId[]]> {
  const prefix = `${base}m:`;
  const [next, keys] = await system.reader.scan(cursor, 'MATCH', `${prefix.replace(/[[\]*?\\]/g, '\\$&')}*`, 'COUNT', SCAN);
  return [next, keys.map((key) => key.slice(prefix.length) as QueueId)];
}
