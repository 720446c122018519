// What the operator does to queued messages (services/admin): holds, releases, deletes and hurries them. Each says whether it did.
import { scripts } from '#shared/actor/scripts.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { encodeEvents } from './codec.ts';
import type { MessageShards } from './message-shards.ts';
import type { QueueId } from './queue-id.ts';
import { spoolScripts } from './scripts.ts';
import type { TraceEvent } from './spool.ts';
import { isPool } from './transitions.ts';

/** Entries that one script looks at: Redis does nothing else meanwhile. */
const HURRY_PAGE = 10_000;

export class SpoolOperator {
  readonly #shards: MessageShards;
  readonly #clock: Clock;

  constructor(shards: MessageShards, clock: Clock) {
    this.#shards = shards;
    this.#clock = clock;
  }

  async hold(id: QueueId): Promise<boolean> {
    return (await this.#shards.submit(id, spoolScripts.hold, [id, this.#event(id, 'held')])) === 1;
  }

  async release(id: QueueId): Promise<boolean> {
    const args = [id, this.#clock.now(), this.#event(id, 'released')];
    const [done, ...told] = (await this.#shards.submit(id, spoolScripts.unhold, args)) as [number, ...string[]];
    for (let i = 0; i + 1 < told.length; i += 2) await this.#wakePool(id, told[i] as string, told[i + 1] as string);
    return done === 1;
  }

  async remove(id: QueueId): Promise<boolean> {
    return (await this.#shards.submit(id, spoolScripts.remove, [id, this.#event(id, 'deleted')])) === 1;
  }

  /**
   * Makes due now what waits for its time in a mailbox, and opens a closed circuit for a probe; what is held stays. How many entries that changes, and how
   * many it leaves because they are held.
   */
  async hurry(mailbox: string, shard: Shard, pageSize = HURRY_PAGE): Promise<{ readonly changed: number; readonly held: number }> {
    const now = this.#clock.now();
    const sum = { changed: 0, held: 0 };
    for (let [page, passed] = [pageSize, 0]; page === pageSize; ) {
      const [dueHeld, freed, held, ...made] = (await shard.submit(spoolScripts.hurry, [mailbox, now, passed, pageSize])) as [
        number,
        number,
        number,
        ...string[],
      ];
      if (isPool(mailbox)) for (const entry of made) await this.#wakePool(entry.slice(0, 25) as QueueId, mailbox, entry);
      sum.changed += freed + made.length;
      sum.held += dueHeld + held;
      passed += held;
      page = held + made.length;
    }
    return sum;
  }

  async #wakePool(id: QueueId, mailbox: string, entry: string): Promise<void> {
    if (!isPool(mailbox)) return;
    const now = this.#clock.now();
    await this.#shards.submit(id, scripts.tell, [mailbox, entry, now, now], { wakes: [{ role: mailbox, entry, at: now }] });
  }

  #event(id: QueueId, kind: TraceEvent['kind']): string {
    return encodeEvents([{ id, at: this.#clock.now(), kind, detail: {} }]);
  }
}
