// How it goes, in numbers: for `stafette status`, and as gauges that only this role publishes. Reads counters, never records.
import type { StatusAnswer } from '#shared/protocol/admin-api.ts';
import { every } from '#shared/telemetry/every.ts';
import type { Operations } from './operations.ts';

type Facts = Pick<Operations, 'system' | 'metrics' | 'log'>;

/** Milliseconds between two looks at the queues. */
const EVERY = 4_000;

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
  let looking = false;
  const look = async () => {
    // A look that waits for Redis must not be joined by others.
    if (looking) return;
    looking = true;
    try {
      await publish(facts);
    } catch (error) {
      facts.log.debug({ err: (error as Error).message }, 'queue depths are not known');
    } finally {
      looking = false;
    }
  };
  void look();
  return every(EVERY, () => void look());
}

async function publish({ system, metrics }: Facts): Promise<void> {
  const [depths, deadLetters] = await Promise.all([system.depths(), countDeadLetters({ system })]);
  for (const { role, due, delayed, oldestDueAge } of depths) {
    metrics.queueDue.set({ role }, due);
    metrics.queueDelayed.set({ role }, delayed);
    metrics.queueOldestDue.set({ role }, oldestDueAge / 1000);
  }
  metrics.deadLetters.set(deadLetters);
}

async function countDeadLetters({ system }: Pick<Facts, 'system'>): Promise<number> {
  const counts = await Promise.all(system.shards.map(({ base }) => system.reader.hlen(`${base}dead`)));
  return counts.reduce((sum, count) => sum + count, 0);
}
