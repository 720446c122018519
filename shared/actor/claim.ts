// What an activation says to Redis of its key: asks for it, takes what is due, gives it back. Owns the lease once the key is its own. What can
// fail: Redis, which throws when it is away for longer than a lease lasts.
import type { Entry } from './actor.ts';
import { type JobLock, Lease } from './lease.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';

/** Entries asked for in one pull, at least and at most; the request for the key is the first. */
const LEAST_PULL = 32;
const MOST_PULL = 64;
/** Entries that may be handed over without a pull, before there is an actor with a window. */
const FIRST_CREDIT = 8;
/** How long (ms) Redis may be away before a request of ours is given up: as long as a lease lasts. */
const PATIENCE = { patience: 10_000 };

type StartReply =
  | readonly [verdict: 'active', epoch: string, learnt: string, leaseLeft: number, possiblySent: Entry[], tries: string, next: string, entries: Entry[]]
  | readonly [verdict: Refused];

/** Why the key is not ours. */
export type Refused = 'busy' | 'lost' | 'declined' | 'closed' | 'later' | 'empty';

export interface Taken {
  readonly entries: readonly Entry[];
  /** These are all that are due. */
  readonly all: boolean;
  /** When more will be due, or empty. */
  readonly next: string;
}

/** What earlier activations of the key left. */
export interface Legacy {
  /** As it stands in Redis. */
  readonly learnt: string;
  readonly possiblySent: readonly Entry[];
  readonly tries: string;
}

/** Whether it has to end with entries in the mailbox, and whether some of them are in `receive`: as release.lua knows it. */
export type Force = '0' | '1' | '2';

export class Claim {
  readonly mailbox: string;
  lease!: Lease;
  readonly #runtime: Runtime;
  readonly #shard: Shard;

  constructor(runtime: Runtime, shard: Shard, mailbox: string) {
    this.#runtime = runtime;
    this.#shard = shard;
    this.mailbox = mailbox;
  }

  /** The request for the key is the first pull too. */
  async ask(job: JobLock, mayDecline: boolean): Promise<Refused | (Legacy & Taken)> {
    const { clock, lease, processId } = this.#runtime;
    const asked = clock.monotonic();
    const args = [this.mailbox, job.id, job.token, job.prefix, processId, clock.now(), mayDecline ? '1' : '0', LEAST_PULL, FIRST_CREDIT];
    const reply = (await this.#shard.submit(scripts.start, args, PATIENCE)) as StartReply;
    if (reply[0] !== 'active') return reply[0];
    const [, epoch, learnt, leaseLeft, possiblySent, tries, next, entries] = reply;
    this.lease = new Lease(clock, lease, job, Number(epoch), asked + leaseLeft);
    return { learnt, possiblySent, tries, entries, all: entries.length < LEAST_PULL, next };
  }

  /** Takes at most `count`, of which the activation has some in hand; null when the key is another's. */
  async take(count: number, credit: number, round: number): Promise<Taken | null> {
    const args = [this.mailbox, String(this.lease.epoch), count, this.#runtime.clock.now(), credit, round];
    const [verdict, next, entries] = (await this.#shard.submit(scripts.pull, args, PATIENCE)) as [string, string, Entry[]];
    return verdict === 'fenced' ? null : { entries, all: entries.length < count, next };
  }

  /** False when there is work due after all; without `force` the key is ours still. */
  async giveBack(learnt: string, closedUntil: number, force: Force, tries: string): Promise<boolean> {
    const { clock, log } = this.#runtime;
    const args = [this.mailbox, String(this.lease.epoch), clock.now(), learnt, closedUntil, force, tries];
    try {
      const [verdict] = (await this.#shard.submit(scripts.release, args, PATIENCE)) as string[];
      return verdict !== 'more';
    } catch (error) {
      log.warn({ mailbox: this.mailbox, err: (error as Error).message }, 'not released; the sweep will find it');
      return true;
    }
  }
}

/** How many to take for a window of this size, beside those in hand. More than that would only add to what a crash leaves in doubt. */
export function pullFor(window: number): number {
  return Math.min(MOST_PULL, Math.max(LEAST_PULL, window * 2));
}
