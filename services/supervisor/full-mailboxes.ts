// Which mailboxes have no room for a message, as smtp-ingress asks at RCPT: the mail store is asked once in some seconds for each, and opened only when a quota
// is in force. Owns what it opened. What can fail: the mail store; the client is told to try again.
import { createBatchedCache } from '#shared/directory/batched-cache.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import type { Clock } from '#shared/telemetry/clock.ts';

export interface FullMailboxes {
  isFull(address: string, size: number): boolean | Promise<boolean>;
  close(): Promise<void>;
}

export function createFullMailboxes(open: () => Promise<Mailstore>, clock: Clock): FullMailboxes {
  let opening: Promise<Mailstore> | null = null;
  const opened = (): Promise<Mailstore> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const load = async (addresses: readonly string[]) => {
    const store = await opened();
    return new Map(await Promise.all(addresses.map(async (address) => [address, await store.room(address)] as const)));
  };
  const cache = createBatchedCache<number>({ load, clock });
  return {
    isFull(address, size) {
      const known = cache.get(address);
      const lacks = (room: number | null) => room !== null && room < size;
      return known instanceof Promise ? known.then(lacks) : lacks(known);
    },
    close: async () => (await opening)?.close(),
  };
}
