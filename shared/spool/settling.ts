// What an attempt made of recipients, committed: outcomes, moves to another mailbox, and what the bounce role has reported.
// All idempotent: a repeat of what was committed says so, and what somebody else has settled is late.

import { mailboxName } from '#shared/actor/keys.ts';
import type { Argument, PoolWake } from '#shared/actor/transaction-batch.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Mailbox } from '#shared/protocol/topology.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { encodeEvents, encodeHead } from './codec.ts';
import { fatesOf, numbersOf } from './fates.ts';
import type { MessageShards } from './message-shards.ts';
import { groupBy, inParts, inTurn, MOST } from './parts.ts';
import { spoolScripts } from './scripts.ts';
import type { Fence, Incoming, MessageView, Settlement, SettleResult, TraceEvent, Work } from './spool.ts';
import { epochOf, isOver, isPool, type PoolMailbox, receivedDetail } from './transitions.ts';
import { encodeRanges, encodeWork } from './work.ts';

export interface SettlingParts {
  readonly shards: MessageShards;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export class Settling {
  readonly #parts: SettlingParts;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** As `Spool.settle`, of settlements that ascend by number. */
  async settle(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], events?: readonly TraceEvent[]): Promise<SettleResult> {
    const result = await inTurn(inParts(settlements, MOST), (part, first, last) => {
      const told = encodeEvents(first ? events : undefined);
      const concludes = last && part.length >= view.open && part.every(isOver);
      return concludes ? this.#conclude(view, fence, part, told) : this.#settlePart(view, fence, part, last, told);
    });
    return this.#counted(result, fence.mailbox);
  }

  /** The common end of a message: nothing of its recipients needs to be written. */
  async #conclude(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], event: string): Promise<SettleResult> {
    const args: Argument[] = [view.id, mailboxName(view.mailbox), epochOf(fence), encodeWork(view.work), event];
    for (const same of groupBy(settlements, ({ attempt }) => attempt)) args.push(encodeRanges(numbersOf(same)), (same[0] as Settlement).attempt);
    return this.#settled(await this.#parts.shards.submit(view.id, spoolScripts.conclude, args, { linger: true }));
  }

  /** `last`: the wake-up that led here goes too. */
  async #settlePart(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], last: boolean, event: string): Promise<SettleResult> {
    const now = this.#parts.clock.now();
    const { args, wakes } = fatesOf(view, settlements, now);
    const head = [view.id, mailboxName(view.mailbox), epochOf(fence), last ? encodeWork(view.work) : '', now, event];
    return this.#settled(await this.#parts.shards.submit(view.id, spoolScripts.settle, [...head, ...args], { wakes }));
  }

  #settled(reply: unknown): SettleResult {
    const [result, late] = reply as ['committed' | 'repeat' | 'late' | 'fenced', number];
    if (late > 0) this.#parts.metrics.lateOutcomes.inc(late);
    return result === 'repeat' ? 'committed' : result;
  }

  /** As `Spool.move`. */
  async move(work: Work, from: Fence | PoolMailbox, to: Mailbox, due: number, events?: readonly TraceEvent[]): Promise<SettleResult> {
    const { shards, clock } = this.#parts;
    const target = mailboxName(to);
    const result = await inTurn(inParts(work.recipients, MOST), async (recipients, first, last) => {
      const entry = encodeWork({ ...work, recipients });
      const taken = last ? encodeWork(work) : '';
      const told = first ? encodeEvents(events) : '';
      const args = [work.id, mailboxName(from.mailbox), epochOf(from), taken, clock.now(), target, entry, due, told, encodeRanges(recipients)];
      const wakes: PoolWake[] = isPool(target) ? [{ role: target, entry, at: due }] : [];
      return (await shards.submit(work.id, spoolScripts.move, args, { wakes })) as SettleResult;
    });
    return this.#counted(result, from.mailbox);
  }

  /** As `Spool.settleOwed`. */
  async settleOwed(work: Work, dsn: { readonly message: Incoming; readonly content: Buffer } | null, events?: readonly TraceEvent[]): Promise<SettleResult> {
    const { shards, clock, config } = this.#parts;
    const now = clock.now();
    const message = dsn?.message;
    const size = dsn?.content.length ?? 0;
    const received: readonly TraceEvent[] = message ? [{ id: message.id, at: now, kind: 'received', detail: receivedDetail(message, size) }] : [];
    const args = [
      ...[work.id, encodeWork(work), now, encodeEvents(events)],
      ...[message?.id ?? '', message ? encodeHead(message, size, config().queue.record_version) : '', dsn?.content ?? '', size, encodeEvents(received)],
      encodeRanges(work.recipients),
    ];
    const wakes: PoolWake[] = message ? [{ role: 'router', entry: message.id, at: now }] : [];
    const script = work.warning ? spoolScripts.warn : spoolScripts.report;
    const result = (await shards.submit(work.id, script, args, { wakes })) as 'committed' | 'changed' | 'late';
    return result === 'committed' ? 'committed' : 'late';
  }

  #counted(result: SettleResult, mailbox: Mailbox): SettleResult {
    if (result === 'fenced') this.#parts.metrics.fenced.inc({ role: mailbox.role });
    return result;
  }
}
