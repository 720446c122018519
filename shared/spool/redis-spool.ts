// The spool on Redis and a cold store: implements shared/spool/spool.ts. Owns no state but what is in flight; every
// transition is a script of lua/, so a process may die between any two lines here.
import { createHash } from 'node:crypto';
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { StoreFullError, StoreUnavailableError } from '#shared/actor/errors.ts';
import { mailboxName } from '#shared/actor/keys.ts';
import type { PoolWake } from '#shared/actor/transaction-batch.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Mailbox } from '#shared/protocol/topology.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { mailCame } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { encodeEvents, encodeHead } from './codec.ts';
import { type ColdStore, type Content, SpoolFullError } from './cold-store.ts';
import { type Cooling, createCooling } from './cooling.ts';
import { Expansion } from './expansion.ts';
import { MessageReader } from './message-reader.ts';
import { MessageShards } from './message-shards.ts';
import { SpoolOperator } from './operator.ts';
import { placeContent } from './place-content.ts';
import { encode, newQueueId, type QueueId, shardOf, timeOf } from './queue-id.ts';
import { spoolScripts } from './scripts.ts';
import { Settling } from './settling.ts';
import type { Expandable, Fence, Incoming, MessageView, NewRecipient, Settlement, SettleResult, Spool, TraceEvent, Work } from './spool.ts';
import { SpoolUnavailableError } from './spool.ts';
import { type PoolMailbox, receivedDetail } from './transitions.ts';
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

export function createSpool(options: RedisSpoolOptions): RedisSpool {
  return new RedisSpool(options);
}

export class RedisSpool implements Spool {
  /** What only the operator does. */
  readonly operator: SpoolOperator;
  readonly #options: RedisSpoolOptions;
  readonly #shards: MessageShards;
  readonly #expansion: Expansion;
  readonly #reader: MessageReader;
  readonly #settling: Settling;
  readonly #cooling: Cooling;
  #nextShard = 0;

  constructor(options: RedisSpoolOptions) {
    const { system, clock } = options;
    const shards = new MessageShards(system);
    const expansion = new Expansion(shards, clock);
    this.#options = options;
    this.#shards = shards;
    this.#expansion = expansion;
    this.#reader = new MessageReader({ ...options, shards, tellOn: (id) => expansion.tellOn(id) });
    this.#settling = new Settling({ ...options, shards });
    this.#cooling = createCooling({ ...options, shards: system.shards });
    this.operator = new SpoolOperator(shards, clock);
  }

  newId(): QueueId {
    this.#nextShard = (this.#nextShard + 1) % this.#shards.all.length;
    return newQueueId(this.#nextShard, this.#options.clock.now());
  }

  async commit(message: Incoming, content: Buffer | AsyncIterable<Buffer>): Promise<{ size: number }> {
    const { queue, redis } = this.#options.config();
    mailCame();
    const { hot, location, size } = await placeContent(this.#options.cold, message.id, content, queue.hot_limit);
    const now = this.#options.clock.now();
    const event: TraceEvent = { id: message.id, at: now, kind: 'received', detail: receivedDetail(message, size) };
    const args = [message.id, encodeHead(message, size, queue.record_version), hot ?? '', location ?? '', size, now, encodeEvents([event])];
    const wakes: PoolWake[] = [{ role: 'router', entry: message.id, at: now }];
    const script = message.reserve ? spoolScripts.commitReserve : spoolScripts.commit;
    const patience = location === undefined ? redis.commit_patience : Math.min(redis.commit_patience, COLD_PATIENCE);
    try {
      await this.#shards.submit(message.id, script, args, { wakes, patience });
    } catch (error) {
      // Whether it was committed is not known after a loss of connection: its content must stay, the sweep judges it.
      if (error instanceof StoreUnavailableError) throw new SpoolUnavailableError(error.message);
      if (location) await this.#options.cold.remove(location);
      throw error instanceof StoreFullError ? new SpoolFullError(error.message) : error;
    }
    return { size };
  }

  read(work: Work, mailbox: Mailbox): Promise<MessageView | null> {
    return this.#reader.read(work, mailbox);
  }

  content(view: Pick<MessageView, 'id' | 'place'>): Promise<Content> {
    return this.#reader.content(view);
  }

  expand(message: Expandable, recipients: readonly NewRecipient[], events: readonly TraceEvent[]): Promise<void> {
    return this.#expansion.expand(message, recipients, events);
  }

  move(work: Work, from: Fence | PoolMailbox, to: Mailbox, due: number, events?: readonly TraceEvent[]): Promise<SettleResult> {
    return this.#settling.move(work, from, to, due, events);
  }

  async settle(view: MessageView, fence: Fence | PoolMailbox, settlements: readonly Settlement[], events?: readonly TraceEvent[]): Promise<SettleResult> {
    const sorted = settlements.toSorted((a, b) => a.number - b.number);
    const result = await this.#settling.settle(view, fence, sorted, events);
    if (result === 'committed') this.#cooling.afterAttempt(view, sorted);
    return result;
  }

  settleOwed(work: Work, dsn: { readonly message: Incoming; readonly content: Buffer } | null, events?: readonly TraceEvent[]): Promise<SettleResult> {
    return this.#settling.settleOwed(work, dsn, events);
  }

  dsnId(work: Work): QueueId {
    const digest = createHash('sha256').update(encodeWork(work)).digest();
    return encode(shardOf(work.id), timeOf(work.id), digest.subarray(0, 9));
  }

  async probe(mailbox: Mailbox, except?: number): Promise<void> {
    const shards = this.#shards.all.filter(({ number }) => number !== except);
    await Promise.all(shards.map((shard) => shard.submit(spoolScripts.probe, [mailboxName(mailbox), this.#options.clock.now()])));
  }

  /** Stops moving content; what was begun is finished. */
  async close(): Promise<void> {
    await this.#cooling.close();
  }
}
