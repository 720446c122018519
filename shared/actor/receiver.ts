// Gives the entries of one activation to its actor; one whose actor throws is put off, and after too many throws a dead letter (supervision.ts).
import type { Entry, KeyedActor } from './actor.ts';
import type { InHand } from './in-hand.ts';
import type { KeyedRoleParts } from './keyed-role.ts';
import { scripts } from './scripts.ts';
import { describeError, isGivenUp, isPutBack, noteThrow, pauseAfter } from './supervision.ts';

/** The activation that it works for. */
export interface Receiving {
  readonly mailbox: string;
  readonly epoch: number;
  /** An entry was put off until then (milliseconds since the epoch). */
  postponed(until: number): void;
  /** An entry is out of `receive`: there is room for another. */
  settled(): void;
}

export class Receiver {
  readonly #parts: KeyedRoleParts;
  readonly #activation: Receiving;
  readonly #inHand: InHand;
  readonly #actor: KeyedActor;

  constructor(parts: KeyedRoleParts, activation: Receiving, inHand: InHand, actor: KeyedActor) {
    this.#parts = parts;
    this.#activation = activation;
    this.#inHand = inHand;
    this.#actor = actor;
  }

  /** Never rejects. */
  async receive(entry: Entry): Promise<void> {
    const { runtime, counters } = this.#parts;
    const { inFlight, processed, stage } = counters;
    const inHand = this.#inHand;
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
      this.#activation.settled();
    }
  }

  async tryAgainLater(entry: Entry, error: unknown): Promise<void> {
    const { runtime, shard, role } = this.#parts;
    const { mailbox, epoch } = this.#activation;
    const tries = isPutBack(error) ? 0 : this.#inHand.threw(entry);
    noteThrow(runtime, role, { mailbox, entry }, tries, error);
    const now = runtime.clock.now();
    if (isGivenUp(tries)) {
      this.#inHand.giveUp(entry);
      await shard.submit(scripts.bury, [mailbox, String(epoch), entry, JSON.stringify({ error: describeError(error), at: now })]);
      return;
    }
    const until = now + pauseAfter(tries, error);
    await shard.submit(scripts.postpone, [mailbox, String(epoch), entry, until]);
    this.#activation.postponed(until);
  }
}
