// Cooling: content leaves Redis for the cold tier after its first failed attempt, with everything that waits for a site that
// refuses, and under memory pressure. Write and fsync cold, compare-and-set the location, only then is the hot copy gone.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { mailboxName } from '#shared/actor/keys.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { ColdStore } from './cold-store.ts';
import { type QueueId, shardOf } from './queue-id.ts';
import { spoolScripts } from './scripts.ts';
import type { MessageView, Settlement } from './spool.ts';

/** Messages moved at once: enough to share an fsync, few enough not to disturb delivery. */
const CONCURRENCY = 32;
const PAGE = 256;

export interface Cooling {
  /** Called after each committed attempt: sees what has to move. Returns at once. */
  afterAttempt(view: MessageView, settlements: readonly Settlement[]): void;
  close(): Promise<void>;
}

interface CoolingOptions {
  readonly system: OpenActorSystem;
  readonly shards: readonly Shard[];
  readonly cold: ColdStore;
  readonly log: Logger;
}

export function createCooling(options: CoolingOptions): Cooling {
  const mailboxes = new Map<string, Promise<void>>();
  const singles = new Set<Promise<void>>();
  let stopped = false;
  const report = (error: Error) => options.log.warn({ err: error.message }, 'content stays in Redis for now');

  const coolMailbox = async (shard: Shard, mailbox: string): Promise<void> => {
    for (let start = 0; !stopped; start += PAGE) {
      const entries = await options.system.reader.zrange(`${shard.base}due:${mailbox}`, String(start), String(start + PAGE - 1));
      const ids = [...new Set(entries.map((entry) => entry.slice(0, 25) as QueueId))];
      for (let i = 0; i < ids.length && !stopped; i += CONCURRENCY)
        await Promise.all(ids.slice(i, i + CONCURRENCY).map((id) => coolMessage(options, shard, id)));
      if (entries.length < PAGE) return;
    }
  };

  return {
    afterAttempt(view, settlements) {
      const delayed = settlements.find(({ outcome }) => outcome.kind === 'delayed')?.outcome;
      const shard = options.shards[shardOf(view.id)];
      if (delayed?.kind !== 'delayed' || !shard || stopped) return;
      const mailbox = mailboxName(view.mailbox);
      if (delayed.scope === 'site') {
        if (!mailboxes.has(mailbox))
          mailboxes.set(
            mailbox,
            coolMailbox(shard, mailbox)
              .catch(report)
              .finally(() => mailboxes.delete(mailbox)),
          );
      } else if (view.place.tier === 'hot') {
        const single: Promise<void> = coolMessage(options, shard, view.id)
          .catch(report)
          .finally(() => singles.delete(single));
        singles.add(single);
      }
    },
    async close() {
      stopped = true;
      await Promise.all([...mailboxes.values(), ...singles]);
    },
  };
}

/** Moves one message's content; nothing happens when it is gone or cold already. */
export async function coolMessage(options: Pick<CoolingOptions, 'system' | 'cold'>, shard: Shard, id: QueueId): Promise<void> {
  const content = await options.system.reader.hgetBuffer(`${shard.base}m:${id}`, 'c');
  if (!content) return;
  const location = await options.cold.write(id, content);
  if ((await shard.submit(spoolScripts.cool, [id, location])) !== 1) await options.cold.remove(location);
}
