// How it goes, in numbers: for `stafette status`, and as gauges that only this role publishes. Reads counters, never records.
import type { StatusAnswer } from '#shared/protocol/admin-api.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import type { Operations } from './operations.ts';

type Facts = Pick<Operations, 'system' | 'metrics' | 'log'>;

/** Milliseconds between two looks at the queues, while there is something in them. */
const EVERY = 5_000;

export async function statusAnswer({ admission, clock, system }: Operations): Promise<StatusAnswer> {
  const refusing = admission.refusal(0)?.why ?? null;
  const closed = system.closedBecause() !== null;
  if (closed && system.reader.status !== 'ready') return { at: clock.now(), refusing, queue: null };
  const { reader, shards } = system;
  const [roles, memory, deadLetters, ...counts] = await Promise.all([
    closed ? [] : system.depths(), // asked with the commits, which wait
    reader.info('memory'),
    countDeadLetters({ system }),
    ...shards.map(({ base }) => reader.hmget(`${base}stat`, 'messages', 'bytes', 'hot')),
  ]);
  const total = (at: number) => counts.reduce((sum, row) => sum + Number(row[at] ?? 0), 0);
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  const queue = {
    messages: total(0),
    bytes: total(1),
    hotBytes: total(2),
    redisUsedBytes: field('used_memory'),
    redisMaxBytes: field('maxmemory'),
    deadLetters,
    roles,
  };
  return { at: clock.now(), refusing, queue };
}

/** Publishes depth, age and dead letters. Returns the function that ends it. */
export function publishDepths(facts: Facts): () => void {
  const look = async () => {
    try {
      return await publish(facts);
    } catch (error) {
      facts.log.debug({ err: (error as Error).message }, 'queue depths are not known');
      return true;
    }
  };
  void look();
  return everyWhileBusy(EVERY, look);
}

/** Whether there is anything in the queues. */
async function publish({ system, metrics }: Facts): Promise<boolean> {
  const [depths, deadLetters] = await Promise.all([system.depths(), countDeadLetters({ system })]);
  for (const { role, due, delayed, oldestDueAge } of depths) {
    metrics.queueDue.set({ role }, due);
    metrics.queueDelayed.set({ role }, delayed);
    metrics.queueOldestDue.set({ role }, oldestDueAge / 1000);
  }
  metrics.deadLetters.set(deadLetters);
  return depths.some(({ due, delayed }) => due + delayed > 0);
}

async function countDeadLetters({ system }: Pick<Facts, 'system'>): Promise<number> {
  const counts = await Promise.all(system.shards.map(({ base }) => system.reader.hlen(`${base}dead`)));
  return counts.reduce((sum, count) => sum + count, 0);
}
