// Gives the entries of one activation to its actor; one whose actor throws is put off, and after too many throws a dead letter.
import type { KeyedRole } from '#shared/protocol/topology.ts';
import type { Entry, KeyedActor } from './actor.ts';
import type { InHand } from './in-hand.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';
import { backoff, describeError, isGivenUp } from './supervision.ts';

export interface ReceiverOptions {
  readonly runtime: Runtime;
  readonly shard: Shard;
  readonly role: KeyedRole;
  readonly mailbox: string;
  readonly epoch: number;
  readonly inHand: InHand;
  /** An entry was put off until then (milliseconds since the epoch). */
  readonly postponed: (until: number) => void;
  /** There is room for another. */
  readonly settled: () => void;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #actor: KeyedActor;
  readonly #counters;

  constructor(options: ReceiverOptions, actor: KeyedActor) {
    this.#options = options;
    this.#actor = actor;
    const { queueInFlight, processed, stageSeconds } = options.runtime.metrics;
    this.#counters = { inFlight: queueInFlight.labels(options.role), processed: processed.labels(options.role), stage: stageSeconds.labels(options.role) };
  }

  /** Never rejects. */
  async receive(entry: Entry): Promise<void> {
    const { runtime, inHand, settled } = this.#options;
    const { inFlight, processed, stage } = this.#counters;
    const takenAt = runtime.clock.monotonic();
    inFlight.inc();
    try {
      await this.#actor.receive(entry, { handedOutBefore: inHand.wasHandedOut(entry) });
      inHand.finish(entry);
      processed.inc();
      stage.observe((runtime.clock.monotonic() - takenAt) / 1000);
    } catch (error) {
      await this.tryAgainLater(entry, error).catch((failure: Error) => runtime.log.warn({ entry, err: failure.message }, 'entry not postponed'));
    } finally {
      inFlight.dec();
      inHand.settle(entry);
      settled();
    }
  }

  async tryAgainLater(entry: Entry, error: unknown): Promise<void> {
    const { runtime, shard, role, mailbox, epoch, inHand, postponed } = this.#options;
    const tries = inHand.threw(entry);
    runtime.metrics.retried.inc({ role });
    runtime.log.error({ mailbox, entry, tries, err: error }, 'actor failed');
    const now = runtime.clock.now();
    if (isGivenUp(tries, error)) {
      inHand.giveUp(entry);
      await shard.submit(scripts.bury, [mailbox, String(epoch), entry, JSON.stringify({ error: describeError(error), at: now })]);
      return;
    }
    const until = now + backoff(tries);
    await shard.submit(scripts.postpone, [mailbox, String(epoch), entry, until]);
    postponed(until);
  }
}
