// The kinds of Redis on which the runtime's promises are proved: one server, and a master with two replicas watched by Sentinel. Whoever starts
// one owns it.
import type { ConfigInput } from '#shared/config/schema.ts';
import { startRedis } from './redis.ts';
import { startSentinel, UNDER_LOAD } from './redis-sentinel.ts';

export interface StartedRedis extends AsyncDisposable {
  readonly settings: NonNullable<ConfigInput['redis']>;
  /** The server that takes writes is killed; resolves when one takes them again: the same, started anew, or a replica. */
  lose(): Promise<void>;
}

export async function startStandalone(): Promise<StartedRedis> {
  const server = await startRedis();
  return { settings: { url: server.url }, lose: () => server.restart(), [Symbol.asyncDispose]: () => server.close() };
}

async function startReplicated(): Promise<StartedRedis> {
  const group = await startSentinel(UNDER_LOAD);
  const lose = async () => {
    const master = await group.master();
    await master.kill();
    await group.failedOver(master);
  };
  return { settings: group.settings, lose, [Symbol.asyncDispose]: () => group.close() };
}

export const REDIS_KINDS = [
  { kind: 'standalone', start: startStandalone },
  { kind: 'Sentinel', start: startReplicated },
];
