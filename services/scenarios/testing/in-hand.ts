// What a role has in hand, seen from outside: so that a crash hits a process that was in the middle of something. Owns nothing.
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '#shared/testing/eventually.ts';
import type { Part, Product } from '#shared/testing/product.ts';
import type { Source } from '../../../loadtest/source.ts';
import type { RedisToCrash } from './kinds-of-redis.ts';

/** Names of the entries that are due to a role, or that it has taken and not settled; of the ingress, numbers that the source has not seen answered. */
export type InHand = (part: Part) => Promise<ReadonlySet<string>>;

/** Milliseconds after which what another process of the role had in hand is done. */
const SETTLED_AFTER = 100;

/** All that is due in the mailboxes that match: an entry stands in its mailbox until its outcome is committed. */
const DUE = `local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', ARGV[2])) do found[#found + 1] = entry end
end
return found`;

export function inHandOf(product: Product, redis: RedisToCrash, source: Source): InHand {
  return async (part) => {
    if (part === 'smtp-ingress') return new Set([...source.acknowledgements.underWay].map(String));
    return new Set((await redis.command(product, 'EVAL', DUE, 0, `*:due:${part}*`, Date.now())) as string[]);
  };
}

/** A process that is stopped, which of its part it is, and how much it had in hand. */
type Stopped = { readonly pid: number; readonly nth: number; readonly held: number };

/**
 * Stops a process of the part at a moment at which it has work in hand: what was there stays there while it does not run. It is left stopped.
 * `first` is looked at first; one may have no work at all, as an ingress to which no session is connected.
 */
export async function stopBusy(product: Product, part: Part, first: number, inHand: InHand): Promise<Stopped> {
  let next = first;
  return await eventually(
    async () => {
      const nth = next++ % product.pids(part).length;
      const pid = product.stopProcess(part, nth);
      const before = await inHand(part);
      if (before.size > 0) {
        await pause(SETTLED_AFTER);
        const held = before.intersection(await inHand(part)).size;
        if (held > 0) return { pid, nth, held };
      }
      product.contProcess(pid);
      return undefined;
    },
    { within: 30_000, every: 20 },
  );
}
