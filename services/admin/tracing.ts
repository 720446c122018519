// The answer to `trace`: what is written, brought up to date from the streams, with where each message stands now.
// What can fail: the trace database (503); the queue itself can still be asked.
import type { DeadLetter } from '#shared/actor/system.ts';
import type { TraceAnswer, TracedMessage } from '#shared/protocol/admin-api.ts';
import { inspect } from '#shared/spool/inspect.ts';
import type { MessageTrace, TraceKey } from '#shared/spool/trace-store/trace-find.ts';
import type { TraceStore } from '#shared/spool/trace-store/trace-store.ts';
import { unavailable } from './api-error.ts';
import { describe } from './listing.ts';
import type { Operations } from './operations.ts';

/** Milliseconds to bring the database up to date in. */
const CATCH_UP = 5_000;
const DEAD_LETTERS = 10_000;

export async function traceAnswer(operations: Operations, key: TraceKey, limit: number): Promise<TraceAnswer> {
  const { collector, traces, log, system } = operations;
  try {
    // A message that is there may have no event left: the stream is capped.
    const live = 'id' in key ? await inspect(system, key.id) : null;
    const complete = await collector.catchUp(CATCH_UP);
    const found = await traces.find(key, limit);
    const known =
      found.length > 0 || !live
        ? found
        : [{ id: live.id, at: live.head.receivedAt, sender: live.head.envelope.reversePath, messageId: live.head.messageId ?? null, parent: null, events: [] }];
    return { messages: await withNow(operations, known), complete };
  } catch (error) {
    log.warn({ err: error }, 'trace');
    throw unavailable(`the trace cannot be read: ${(error as Error).message}`);
  }
}

async function withNow({ system }: Operations, found: readonly MessageTrace[]): Promise<readonly TracedMessage[]> {
  const records = (await Promise.all(found.map(({ id }) => inspect(system, id)))).filter((record) => record !== null);
  const now = new Map((await describe(system, records)).map((message) => [message.id, message]));
  const dead = Map.groupBy(await system.deadLetters(DEAD_LETTERS), ({ entry }: DeadLetter) => entry.slice(0, 25));
  return found.map((trace) => ({ ...trace, now: now.get(trace.id) ?? null, deadLetters: dead.get(trace.id) ?? [] }));
}

/** Opens the store at its first use, and again after a failure: a trace database that is away must not keep mail from flowing. */
export function openWhenUsed(open: () => Promise<TraceStore>): TraceStore {
  let opened: Promise<TraceStore> | null = null;
  const store = async () => {
    opened ??= open();
    try {
      return await opened;
    } catch (error) {
      opened = null;
      throw error;
    }
  };
  return {
    write: async (entries) => (await store()).write(entries),
    find: async (key, limit) => (await store()).find(key, limit),
    expire: async (shard, before, batch) => (await store()).expire(shard, before, batch),
    close: async () => await (await opened?.catch(() => null))?.close(),
  };
}
