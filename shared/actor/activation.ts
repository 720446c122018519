// One activation of a keyed actor, from the lease on its key to its release: takes entries from the mailbox, keeps as many in `receive` as the
// actor's window allows, lingers a moment when nothing is due, and gives back what it could not finish. Every commit of it is fenced by its
// epoch; nothing is handed out past its lease.
import type { KeyedRole } from '#shared/protocol/topology.ts';
import type { Activation as Context, Entry, KeyedActor, KeyedFactory } from './actor.ts';
import { InHand } from './in-hand.ts';
import { type JobLock, Lease } from './lease.ts';
import { LOOK, Outlook } from './outlook.ts';
import { Receiver } from './receiver.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';

/** Idle this long (ms), an activation ends. Long enough that steady light traffic does not pay for activations. */
const LINGER = 1000;
/** An activation ends after this (ms) even under load: what it learnt is saved, and its job, whose lock others share, ends some time. */
const LONGEST = 60_000;
/** A key whose activation failed as a whole (a bug) is started again after this (ms). */
const AGAIN_AFTER_BUG = 1000;
/** Entries that may be handed over without a pull, in windows; at the start, before there is an actor with a window, so many. */
const CREDITS = 2;
const FIRST_CREDIT = 8;
/** Entries asked for in one pull: at least so many, at most so many, else twice the window. More would only add to what a crash leaves in doubt. */
const LEAST_PULL = 32;
const PULL = 64;
/** How long (ms) Redis may be away before a request of ours is given up: as long as a lease lasts. */
const PATIENCE = { patience: 10_000 };

type StartReply =
  | readonly [verdict: 'active', epoch: string, learnt: string, leaseLeft: number, possiblySent: Entry[], tries: string, next: string, entries: Entry[]]
  | readonly [verdict: 'busy' | 'lost' | 'declined' | 'closed' | 'later' | 'empty'];

/** Whether it has to end with entries in the mailbox, and whether some of them are in `receive`: as release.lua knows it. */
type Force = '0' | '1' | '2';

export class Activation {
  readonly mailbox: string;
  lease!: Lease;
  draining = false;
  /** Its key is given back, or on its way there: that another may have it now is no loss. */
  released = false;
  readonly #runtime: Runtime;
  readonly #shard: Shard;
  readonly #role: KeyedRole;
  readonly #unsubscribe: () => void;
  readonly #inHand = new InHand();
  readonly #outlook = new Outlook();
  #actor!: KeyedActor;
  #receiver!: Receiver;
  /** What an earlier activation saved, as it stands in Redis. */
  #learnt = '';
  #endAt = 0;
  #woken: (() => void) | undefined;

  /** Asks for the key; null when another activation has it, or nothing is due; `declined` when this process has its share. */
  static async start(
    runtime: Runtime,
    shard: Shard,
    role: KeyedRole,
    key: string,
    job: JobLock,
    factory: KeyedFactory,
    mayDecline: boolean,
  ): Promise<Activation | 'declined' | null> {
    const activation = new Activation(runtime, shard, role, key);
    let started = false;
    try {
      const verdict = await activation.#ask(job, mayDecline);
      if (verdict !== 'active') return verdict === 'declined' ? verdict : null;
      await activation.#begin(key, factory);
      started = true;
      return activation;
    } finally {
      if (!started) activation.#unsubscribe();
    }
  }

  private constructor(runtime: Runtime, shard: Shard, role: KeyedRole, key: string) {
    this.#runtime = runtime;
    this.#shard = shard;
    this.#role = role;
    this.mailbox = `${role}:${key}`;
    // Before the key is ours: what is told from then on is handed to us.
    this.#unsubscribe = runtime.onWake(shard, this.mailbox, {
      handed: (entry, spent) => this.#handed(entry, spent),
      missed: () => this.#missed(),
    });
  }

  /** The request for the key is the first pull too. */
  async #ask(job: JobLock, mayDecline: boolean): Promise<StartReply[0]> {
    const { clock, lease, processId, metrics, log } = this.#runtime;
    const asked = clock.monotonic();
    this.#outlook.pull(asked);
    const args = [this.mailbox, job.id, job.token, job.prefix, processId, clock.now(), mayDecline ? '1' : '0', LEAST_PULL, FIRST_CREDIT];
    const reply = (await this.#shard.submit(scripts.start, args, PATIENCE)) as StartReply;
    if (reply[0] !== 'active') return reply[0];
    const [, epoch, learnt, leaseLeft, possiblySent, tries, next, entries] = reply;
    if (possiblySent.length) {
      metrics.possiblySent.inc({ role: this.#role }, possiblySent.length);
      log.warn({ mailbox: this.mailbox, entries: possiblySent }, 'possibly sent by an activation that died');
    }
    this.lease = new Lease(clock, lease, job, Number(epoch), asked + leaseLeft);
    this.#learnt = learnt;
    this.#endAt = clock.monotonic() + LONGEST;
    this.#inHand.inherit(possiblySent, tries);
    for (const entry of entries) this.#inHand.add(entry);
    this.#outlook.pulled(entries.length < LEAST_PULL, next);
    this.#outlook.pullEnded();
    return 'active';
  }

  async #begin(key: string, factory: KeyedFactory): Promise<void> {
    const { lease } = this;
    const context: Context = {
      role: this.#role,
      key,
      shard: this.#shard.number,
      epoch: lease.epoch,
      learnt: this.#learnt ? JSON.parse(this.#learnt) : null,
      leaseLeft: () => lease.left(),
      signal: lease.signal,
    };
    try {
      this.#actor = factory(context);
    } catch (error) {
      await this.#giveBack(this.#learnt, this.#runtime.clock.now() + AGAIN_AFTER_BUG, '1');
      throw error;
    }
    const postponed = (until: number) => this.#outlook.dueEarlier(until);
    const settled = () => this.#wake();
    const parts = { runtime: this.#runtime, shard: this.#shard, role: this.#role, mailbox: this.mailbox, inHand: this.#inHand };
    this.#receiver = new Receiver({ ...parts, epoch: lease.epoch, postponed, settled }, this.#actor);
  }

  /** Takes nothing more; ends when what is in `receive` is done. */
  drain(): void {
    this.draining = true;
    this.#wake();
  }

  /** Ends now: what is in `receive` must not commit any more. */
  abort(why: string): void {
    if (this.lease.signal.aborted) return;
    if (why === 'lease lost') this.#runtime.metrics.leaseLost.inc({ role: this.#role });
    this.#runtime.log.warn({ mailbox: this.mailbox, why }, 'activation aborted');
    this.lease.abort(why);
    this.#wake();
  }

  /** Runs until the mailbox is empty, the circuit opens, the lease is lost or the process drains. */
  async run(): Promise<void> {
    try {
      do {
        await this.#work();
      } while (!(await this.#release()));
    } catch (error) {
      // A bug. The job may live on with other keys, and nobody would come to this one.
      this.abort('it failed');
      await this.#giveBack(this.#learnt, this.#runtime.clock.now() + AGAIN_AFTER_BUG, '2');
      throw error;
    } finally {
      this.#unsubscribe();
      await this.#actor.stop?.();
    }
  }

  async #work(): Promise<void> {
    const { clock } = this.#runtime;
    const [inHand, outlook] = [this.#inHand, this.#outlook];
    let idleSince: number | null = null;
    while (!this.#over()) {
      this.#fill();
      const window = this.#window();
      // Before the last one is taken: a destination must not wait while Redis answers.
      if (outlook.promising && inHand.ready <= window / 2) void this.#pull();
      const now = clock.monotonic();
      const idle = inHand.inFlight === 0 && inHand.ready === 0;
      idleSince = idle ? (idleSince ?? now) : null;
      if (idle && !outlook.pulling && now - (idleSince as number) >= this.#linger()) return;
      // A full window takes nothing until a message in hand is done, which wakes us; so does the end of a pull.
      const waits = outlook.pulling || (!idle && inHand.inFlight >= window);
      const until = waits ? now + LOOK : idle ? (idleSince as number) + this.#linger() : outlook.lookAt;
      await this.#pause(Math.max(1, until - now));
      outlook.tick(clock.now(), clock.monotonic());
    }
    while ((inHand.inFlight > 0 || outlook.pulling) && !this.lease.signal.aborted) await this.#pause(LINGER);
  }

  #over(): boolean {
    return this.#mustEnd() || this.#closedUntil() > this.#runtime.clock.now();
  }

  #mustEnd(): boolean {
    return this.draining || this.lease.left() <= 0 || this.#runtime.clock.monotonic() >= this.#endAt;
  }

  #window(): number {
    return Math.max(0, this.#actor.window());
  }

  #linger(): number {
    return this.#actor.linger ?? LINGER;
  }

  #closedUntil(): number {
    return this.#actor.closedUntil?.() ?? 0;
  }

  #fill(): void {
    while (this.#inHand.ready > 0 && this.#inHand.inFlight < this.#window() && !this.#over()) void this.#receiver.receive(this.#inHand.next());
  }

  /** An entry told while we had credit; `spent` names the pull whose credit ended with it. */
  #handed(entry: Entry, spent: string): void {
    if (spent !== '') this.#outlook.spent(Number(spent));
    if (entry !== '') this.#inHand.add(entry);
    this.#wake();
  }

  #missed(): void {
    this.#outlook.missed();
    this.#wake();
  }

  async #pull(): Promise<void> {
    const { clock, log } = this.#runtime;
    const round = this.#outlook.pull(clock.monotonic());
    // What is in hand stands in the mailbox still, and comes again.
    const count = this.#inHand.size + Math.min(PULL, Math.max(LEAST_PULL, this.#window() * 2));
    const credit = Math.max(1, this.#window() * CREDITS);
    try {
      const args = [this.mailbox, String(this.lease.epoch), count, clock.now(), credit, round];
      const [verdict, next, entries] = (await this.#shard.submit(scripts.pull, args, PATIENCE)) as [string, string, Entry[]];
      if (verdict === 'fenced') return this.abort('lease lost');
      for (const entry of entries) if (!this.#inHand.has(entry)) await this.#take(entry);
      this.#outlook.pulled(entries.length < count, next);
    } catch (error) {
      log.warn({ mailbox: this.mailbox, err: (error as Error).message }, 'nothing could be taken');
      this.draining = true;
    } finally {
      this.#outlook.pullEnded();
      this.#wake();
    }
  }

  async #take(entry: Entry): Promise<void> {
    if (this.#inHand.cameBackTooOften(entry)) return this.#receiver.tryAgainLater(entry, new Error('handled, and still in the mailbox'));
    this.#inHand.add(entry);
  }

  /** True when the activation is over; false when there is work due after all. */
  async #release(): Promise<boolean> {
    const learnt = this.#actor.learnt?.();
    const force = !this.#mustEnd() ? '0' : this.#inHand.inFlight > 0 ? '2' : '1';
    const verdict = await this.#giveBack(learnt == null ? '' : JSON.stringify(learnt), this.#closedUntil(), force);
    this.#outlook.reopen();
    this.released = verdict !== 'more';
    return this.released;
  }

  async #giveBack(learnt: string, closed: number, force: Force): Promise<string> {
    const { clock, log } = this.#runtime;
    const args = [this.mailbox, String(this.lease.epoch), clock.now(), learnt, closed, force, this.#inHand.triesToKeep()];
    this.#inHand.dropReady();
    this.released = true;
    const reply = await this.#shard.submit(scripts.release, args, PATIENCE).catch((error: Error) => {
      log.warn({ mailbox: this.mailbox, err: error.message }, 'not released; the sweep will find it');
      return ['released'];
    });
    return (reply as string[])[0] ?? 'released';
  }

  async #pause(milliseconds: number): Promise<void> {
    // What is due when the window is full has to wait for one that is in hand, and that wakes us.
    const untilDue = this.#inHand.inFlight < this.#window() ? this.#outlook.nextDue - this.#runtime.clock.now() : Number.POSITIVE_INFINITY;
    const wait = Math.max(1, Math.min(milliseconds, untilDue, Math.max(1, this.lease.left())));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#woken = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#woken = undefined;
  }

  #wake(): void {
    this.#woken?.();
  }
}
