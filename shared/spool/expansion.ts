// The router's expansion of a message, written once: its recipients, those that share a fate in one field, and a wake-up wherever some wait.
import type { Argument, PoolWake } from '#shared/actor/transaction-batch.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { encodeEvents, encodeNewRecipients } from './codec.ts';
import type { MessageShards } from './message-shards.ts';
import { groupBy, inParts, MOST } from './parts.ts';
import type { QueueId } from './queue-id.ts';
import { SHARED, SHARED_FIELDS } from './record.ts';
import { spoolScripts } from './scripts.ts';
import type { Expandable, NewRecipient, TraceEvent } from './spool.ts';
import { destination, isPool, stateOf } from './transitions.ts';
import { encodeWork } from './work.ts';

export class Expansion {
  readonly #shards: MessageShards;
  readonly #clock: Clock;

  constructor(shards: MessageShards, clock: Clock) {
    this.#shards = shards;
    this.#clock = clock;
  }

  /** As `Spool.expand`. Wake-ups beyond what one script writes are put aside in the record and told one part after the other. */
  async expand({ id, head }: Expandable, recipients: readonly NewRecipient[], events: readonly TraceEvent[]): Promise<void> {
    const now = this.#clock.now();
    const open = recipients.filter((each) => stateOf(each) !== 'd').length;
    const fields: Argument[] = ['x', '1', 'o', open];
    const most = head.version >= SHARED_FIELDS ? SHARED : 1;
    const shared: number[] = [];
    const tells: (readonly [string, string])[] = [];
    const wakes: PoolWake[] = [];
    for (const group of groupBy(recipients, (each) => stateOf(each) + destination(each))) {
      const [state, mailbox] = [stateOf(group[0] as NewRecipient), destination(group[0] as NewRecipient)];
      for (const part of group.length <= most ? [group] : group.map((each) => [each])) {
        const first = (part[0] as NewRecipient).number;
        if (part.length > 1) shared.push(first);
        fields.push(`r${first}`, `${state}0:${mailbox}\n${encodeNewRecipients(part)}`);
      }
      if (state === 'd') continue;
      const entry = encodeWork({ id, recipients: group.map((each) => each.number) });
      if (isPool(mailbox)) {
        wakes.push({ role: mailbox, entry, at: now });
        tells.unshift([mailbox, entry]);
      } else {
        tells.push([mailbox, entry]);
      }
    }
    if (shared.length > 0) fields.push('g', shared.join(' '));
    const aside = inParts(tells, MOST).slice(1);
    for (const [i, part] of aside.entries()) fields.push(`u${i + 1}`, part.map(([mailbox, entry]) => `${mailbox}\t${entry}\n`).join(''));
    if (aside.length > 0) fields.push('u', aside.length);
    const args = [id, now, encodeEvents(events), open, aside.length, fields.length, ...fields, ...tells.slice(0, MOST).flat()];
    await this.#shards.submit(id, spoolScripts.expand, args, { wakes });
    if (aside.length > 0) await this.tellOn(id);
  }

  /** Tells what a large expansion put aside; who finds it unfinished, after a crash, goes on. */
  async tellOn(id: QueueId): Promise<void> {
    while (Number(await this.#shards.submit(id, spoolScripts.tellOn, [id, this.#clock.now()])) > 0);
  }
}
