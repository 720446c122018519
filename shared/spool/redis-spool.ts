// The spool on Redis and a cold store: implements shared/spool/spool.ts. Owns no state but what is in flight; every
// transition is a script of lua/, so a process may die between any two lines here.
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { StoreFullError, StoreUnavailableError } from '#shared/actor/errors.ts';
import { mailboxName } from '#shared/actor/keys.ts';
import { type Script, scripts } from '#shared/actor/scripts.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { Argument, PoolWake, SubmitOptions } from '#shared/actor/transaction-batch.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Mailbox } from '#shared/protocol/topology.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { decodeHead, encodeEvents, encodeHead, encodeNewRecipient, encodeRecipient } from './codec.ts';
import { type ColdStore, ContentMissingError, SpoolFullError } from './cold-store.ts';
import { type Cooling, createCooling } from './cooling.ts';
import { groupBy, inParts, inTurn } from './parts.ts';
import { placeContent } from './place-content.ts';
import { encode, newQueueId, type QueueId, shardOf, timeOf } from './queue-id.ts';
import type { ContentPlace, MessageHead, Recipient } from './record.ts';
import { RecordReader } from './record-reader.ts';
import { spoolScripts } from './scripts.ts';
import type { Fence, Incoming, MessageView, NewRecipient, Settlement, SettleResult, Spool, TraceEvent, Work } from './spool.ts';
import { SpoolUnavailableError } from './spool.ts';
import { destination, epochOf, isOver, isPool, owesWarning, type PoolMailbox, receivedDetail, stateOf, waiting, whatNext } from './transitions.ts';
import { encodeWork } from './work.ts';

export interface RedisSpoolOptions {
  readonly system: OpenActorSystem;
  readonly cold: ColdStore;
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Cold content without a record this long (ms) is not committed any more: the sweep may have taken it (directory-store/sweep.ts waits twice as long). */
const COLD_PATIENCE = 300_000;

/** Bytes above which a decoded head is kept, and how many are. */
const LARGE_HEAD = 16_384;
const LARGE_HEADS = 16;

/** Recipients, or wake-ups, that one script writes: Redis serves nobody meanwhile. */
const MOST = 1000;

export function createSpool(options: RedisSpoolOptions): RedisSpool {
  return new RedisSpool(options);
}

export class RedisSpool implements Spool {
  readonly #options: RedisSpoolOptions;
  readonly #cooling: Cooling;
  readonly #records: RecordReader;
  readonly #heads = new Map<QueueId, MessageHead>();
  #nextShard = 0;

  constructor(options: RedisSpoolOptions) {
    this.#options = options;
    this.#records = new RecordReader(options.system.reader);
    this.#cooling = createCooling({ ...options, shards: options.system.shards });
  }

  newId(): QueueId {
    this.#nextShard = (this.#nextShard + 1) % this.#options.system.shards.length;
    return newQueueId(this.#nextShard, this.#options.clock.now());
  }

  async commit(message: Incoming, content: Buffer | AsyncIterable<Buffer>): Promise<{ size: number }> {
    const { queue, redis } = this.#options.config();
    const { hot, location, size } = await placeContent(this.#options.cold, message.id, content, queue.hot_limit);
    const now = this.#options.clock.now();
    const event: TraceEvent = { id: message.id, at: now, kind: 'received', detail: receivedDetail(message, size) };
    const args = [message.id, encodeHead(message, size), hot ?? '', location ?? '', size, now, encodeEvents([event])];
    const wakes: PoolWake[] = [{ role: 'router', entry: message.id, at: now }];
    const script = message.reserve ? spoolScripts.commitReserve : spoolScripts.commit;
    const patience = location === undefined ? redis.commit_patience : Math.min(redis.commit_patience, COLD_PATIENCE);
    try {
      await this.#submit(message.id, script, args, { wakes, patience });
    } catch (error) {
      // Whether it was committed is not known after a loss of connection: its content must stay, the sweep judges it.
      if (error instanceof StoreUnavailableError) throw new SpoolUnavailableError(error.message);
      if (location) await this.#options.cold.remove(location);
      throw error instanceof StoreFullError ? new SpoolFullError(error.message) : error;
    }
    return { size };
  }

  async read(work: Work, mailbox: Mailbox): Promise<MessageView | null> {
    const withContent = mailbox.role === 'remote-delivery' || mailbox.role === 'local-mailbox';
    const name = mailboxName(mailbox);
    const marks = work.warning ? work.recipients.map((number) => `w${number}`) : [];
    const known = this.#heads.get(work.id);
    const fields = [known ? 's' : 'e', 'l', 'x', 'h', withContent ? 'c' : '-', 'o', ...work.recipients.map((number) => `r${number}`), ...marks];
    const [head, location, expanded, held, content, open, ...rows] = await this.#records.read(this.#shard(work.id), work.id, fields);
    if (head && mailbox.role === 'router' && expanded) {
      await this.#tellOn(work.id);
      return null;
    }
    const count = work.recipients.length;
    const recipients = !head ? [] : work.recipients.flatMap((number, i) => waiting(rows[i], number, name, work.warning && Boolean(rows[count + i])));
    if (!head || (work.recipients.length > 0 && recipients.length === 0)) {
      await this.#submit(work.id, spoolScripts.drop, [name, encodeWork(work), work.id, ...work.recipients]);
      return null;
    }
    if (held && (await this.#submit(work.id, spoolScripts.park, [name, encodeWork(work), work.id])) === 1) return null;
    const place: ContentPlace = location ? { tier: 'cold', location: location.toString() } : { tier: 'hot', ...(content ? { content } : {}) };
    return { id: work.id, work, mailbox, head: known ?? this.#decode(work.id, head), place, open: Number(open), recipients };
  }

  /** The head of a message with thousands of recipients is read once and not for each destination anew: it never changes. */
  #decode(id: QueueId, text: Buffer): MessageHead {
    const head = decodeHead(text.toString());
    if (text.length > LARGE_HEAD) {
      this.#heads.set(id, head);
      if (this.#heads.size > LARGE_HEADS) this.#heads.delete(this.#heads.keys().next().value as QueueId);
    }
    return head;
  }

  async content(view: Pick<MessageView, 'id' | 'place'>): Promise<Readable | Buffer> {
    const { reader } = this.#options.system;
    if (view.place.tier === 'hot') {
      const hot = view.place.content ?? (await reader.hgetBuffer(this.#key(view.id), 'c'));
      if (hot) return hot;
    }
    // It may have moved to the cold tier since the record was read.
    const location = (await reader.hget(this.#key(view.id), 'l')) ?? (view.place.tier === 'cold' ? view.place.location : null);
    if (!location) return this.#missing(view.id);
    return this.#options.cold
      .read(location)
      .catch((error: Error) => (error instanceof ContentMissingError ? this.#missing(view.id, error.message) : Promise.reject(error)));
  }

  async expand(id: QueueId, recipients: readonly NewRecipient[], events: readonly TraceEvent[]): Promise<void> {
    const now = this.#options.clock.now();
    const open = recipients.filter((each) => stateOf(each) !== 'd').length;
    const fields: Argument[] = ['x', '1', 'o', open];
    const tells: (readonly [string, string])[] = [];
    const wakes: PoolWake[] = [];
    for (const group of groupBy(recipients, (each) => stateOf(each) + destination(each))) {
      const [state, mailbox] = [stateOf(group[0] as NewRecipient), destination(group[0] as NewRecipient)];
      for (const each of group) fields.push(`r${each.number}`, `${state}0:${mailbox}\n${encodeNewRecipient(each)}`);
      if (state === 'd') continue;
      const entry = encodeWork({ id, recipients: group.map((each) => each.number) });
      if (isPool(mailbox)) {
        wakes.push({ role: mailbox, entry, at: now });
        tells.unshift([mailbox, entry]);
      } else {
        tells.push([mailbox, entry]);
      }
    }
    const aside = inParts(tells, MOST).slice(1);
    for (const [i, part] of aside.entries()) fields.push(`u${i + 1}`, part.map(([mailbox, entry]) => `${mailbox}\t${entry}\n`).join(''));
    if (aside.length > 0) fields.push('u', aside.length);
    const args = [id, now, encodeEvents(events), open, aside.length, fields.length, ...fields, ...tells.slice(0, MOST).flat()];
    await this.#submit(id, spoolScripts.expand, args, { wakes });
    if (aside.length > 0) await this.#tellOn(id);
  }

  /** Tells what a large expansion put aside; who finds it unfinished, after a crash, goes on. */
  async #tellOn(id: QueueId): Promise<void> {
    while (Number(await this.#submit(id, spoolScripts.tellOn, [id, this.#options.clock.now()])) > 0);
  }

  async move(work: Work, from: Fence | PoolMailbox, to: Mailbox, due: number, events?: readonly TraceEvent[]): Promise<SettleResult> {
    const target = mailboxName(to);
    const result = await inTurn(inParts(work.recipients, MOST), async (recipients, first, last) => {
      const entry = encodeWork({ ...work, recipients });
      const taken = last ? encodeWork(work) : '';
      const args = [
        work.id,
        mailboxName(from.mailbox),
        epochOf(from),
        taken,
        this.#options.clock.now(),
        target,
        entry,
        due,
        first ? encodeEvents(events) : '',
        ...recipients,
      ];
      const wakes: PoolWake[] = isPool(target) ? [{ role: target, entry, at: due }] : [];
      return (await this.#submit(work.id, spoolScripts.move, args, { wakes })) as SettleResult;
    });
    return this.#counted(result, from.mailbox);
  }

  async settle(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], events?: readonly TraceEvent[]): Promise<SettleResult> {
    const result = await inTurn(inParts(settlements, MOST), (part, first, last) => {
      const told = first ? events : undefined;
      const concludes = last && part.length >= view.open && part.every(isOver);
      return concludes ? this.#conclude(view, fence, part, told) : this.#settlePart(view, fence, part, last, told);
    });
    if (result === 'committed') this.#cooling.afterAttempt(view, settlements);
    return this.#counted(result, fence.mailbox);
  }

  /** The common end of a message: nothing of its recipients needs to be written. */
  async #conclude(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], events?: readonly TraceEvent[]): Promise<SettleResult> {
    const args: Argument[] = [view.id, mailboxName(view.mailbox), epochOf(fence), encodeWork(view.work), encodeEvents(events)];
    for (const { number, attempt } of settlements) args.push(number, attempt);
    return this.#settled(await this.#submit(view.id, spoolScripts.conclude, args));
  }

  /** `last`: the wake-up that led here goes too. */
  async #settlePart(
    view: MessageView,
    fence: Fence | PoolMailbox,
    settlements: readonly Settlement[],
    last: boolean,
    events: readonly TraceEvent[] | undefined,
  ): Promise<SettleResult> {
    const now = this.#options.clock.now();
    const from = mailboxName(view.mailbox);
    const entry = last ? encodeWork(view.work) : '';
    const stored = new Map(view.recipients.map((each) => [each.number, each]));
    const moves = settlements.map((settlement) => ({ settlement, ...whatNext(settlement, view.mailbox, now) }));
    const rows: Argument[] = [];
    const wakes: PoolWake[] = [];
    const warned = new Set(settlements.filter((each) => owesWarning(each, stored.get(each.number))).map(({ number }) => number));
    const warning = warned.size > 0 ? encodeWork({ id: view.id, recipients: [...warned], warning: true }) : '';
    if (warning) wakes.push({ role: 'bounce', entry: warning, at: now });
    for (const group of groupBy(moves, (each) => `${each.state} ${each.due} ${each.mailbox}`)) {
      const { state, mailbox, due } = group[0] as (typeof moves)[number];
      const wakeUp = encodeWork({ id: view.id, recipients: group.map((each) => each.settlement.number) });
      for (const { settlement } of group) {
        const recipient = stored.get(settlement.number);
        if (!recipient) throw new Error(`recipient ${settlement.number} of ${view.id} was not read`);
        const warn = warned.has(recipient.number);
        const json = encodeRecipient(recipient, { last: settlement.outcome, lastAttemptAt: now, ...(warn && { warnedAt: now }) });
        rows.push(settlement.number, settlement.attempt, state, mailbox, wakeUp, due, json, warn ? warning : '');
      }
      if (state !== 'd' && isPool(mailbox)) wakes.push({ role: mailbox, entry: wakeUp, at: due });
    }
    const args = [view.id, from, epochOf(fence), entry, now, encodeEvents(events), settlements.length, ...rows];
    return this.#settled(await this.#submit(view.id, spoolScripts.settle, args, { wakes }));
  }

  #settled(reply: unknown): SettleResult {
    const [result, late] = reply as ['committed' | 'repeat' | 'late' | 'fenced', number];
    if (late > 0) this.#options.metrics.lateOutcomes.inc(late);
    return result === 'repeat' ? 'committed' : result;
  }

  async settleOwed(work: Work, dsn: { readonly message: Incoming; readonly content: Buffer } | null, events?: readonly TraceEvent[]): Promise<SettleResult> {
    const now = this.#options.clock.now();
    const message = dsn?.message;
    const size = dsn?.content.length ?? 0;
    const received: readonly TraceEvent[] = message ? [{ id: message.id, at: now, kind: 'received', detail: receivedDetail(message, size) }] : [];
    const args = [
      ...[work.id, encodeWork(work), now, encodeEvents(events)],
      ...[message?.id ?? '', message ? encodeHead(message, size) : '', dsn?.content ?? '', size, encodeEvents(received)],
      ...work.recipients,
    ];
    const wakes: PoolWake[] = message ? [{ role: 'router', entry: message.id, at: now }] : [];
    const result = (await this.#submit(work.id, work.warning ? spoolScripts.warn : spoolScripts.report, args, { wakes })) as 'committed' | 'changed' | 'late';
    return result === 'committed' ? 'committed' : 'late';
  }

  dsnId(work: Work): QueueId {
    const digest = createHash('sha256').update(encodeWork(work)).digest();
    return encode(shardOf(work.id), timeOf(work.id), digest.subarray(0, 9));
  }

  /** Holds, releases, deletes and hurries messages: what the operator does (services/admin). Each says whether it did. */
  async hold(id: QueueId): Promise<boolean> {
    return (await this.#submit(id, spoolScripts.hold, [id, this.#event(id, 'held')])) === 1;
  }

  async release(id: QueueId): Promise<boolean> {
    const [done, ...told] = (await this.#submit(id, spoolScripts.unhold, [id, this.#options.clock.now(), this.#event(id, 'released')])) as [
      number,
      ...string[],
    ];
    for (let i = 0; i + 1 < told.length; i += 2) await this.#wakePool(id, told[i] as string, told[i + 1] as string);
    return done === 1;
  }

  async remove(id: QueueId): Promise<boolean> {
    return (await this.#submit(id, spoolScripts.remove, [id, this.#event(id, 'deleted')])) === 1;
  }

  async probe(mailbox: Mailbox, except?: number): Promise<void> {
    const shards = this.#options.system.shards.filter(({ number }) => number !== except);
    await Promise.all(shards.map((shard) => shard.submit(spoolScripts.probe, [mailboxName(mailbox), this.#options.clock.now()])));
  }

  /** Makes due now what waits for its time in a mailbox: all of it, or one message's. Opens a closed circuit for a probe. */
  async hurry(mailbox: string, shard: Shard, id: QueueId | ''): Promise<number> {
    const made = (await shard.submit(spoolScripts.hurry, [mailbox, id, this.#options.clock.now()])) as string[];
    if (isPool(mailbox)) for (const entry of made) await this.#wakePool(entry.slice(0, 25) as QueueId, mailbox, entry);
    return made.length;
  }

  /** Stops moving content; what was begun is finished. */
  async close(): Promise<void> {
    await this.#cooling.close();
  }

  async #wakePool(id: QueueId, mailbox: string, entry: string): Promise<void> {
    if (!isPool(mailbox)) return;
    const now = this.#options.clock.now();
    await this.#submit(id, scripts.tell, [mailbox, entry, now, now], { wakes: [{ role: mailbox, entry, at: now }] });
  }

  /** `why`: what the cold tier found instead, which may be a damaged disk. */
  #missing(id: QueueId, why = 'content is in neither tier'): never {
    this.#options.metrics.contentMissing.inc();
    this.#options.log.error({ id, why }, 'content cannot be had');
    throw new ContentMissingError(`content of ${id}: ${why}`);
  }

  #counted(result: SettleResult, mailbox: Mailbox): SettleResult {
    if (result === 'fenced') this.#options.metrics.fenced.inc({ role: mailbox.role });
    return result;
  }

  #event(id: QueueId, kind: TraceEvent['kind']): string {
    return encodeEvents([{ id, at: this.#options.clock.now(), kind, detail: {} }]);
  }

  #key(id: QueueId): string {
    return `${this.#shard(id).base}m:${id}`;
  }

  #shard(id: QueueId): Shard {
    const shard = this.#options.system.shards[shardOf(id)];
    if (!shard) throw new Error(`queue id ${id} names shard ${shardOf(id)}, which does not exist`);
    return shard;
  }

  #submit(id: QueueId, script: Script, args: readonly Argument[], options?: SubmitOptions): Promise<unknown> {
    return this.#shard(id).submit(script, args, options);
  }
}
