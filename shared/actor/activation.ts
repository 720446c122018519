// One activation of a keyed actor, from the lease on its key to its release: takes entries from the mailbox, keeps as many in `receive` as the
// actor's window allows, lingers a moment when nothing is due, and gives back what it could not finish. Every commit of it is fenced by its
// epoch; nothing is handed out past its lease.
import type { KeyedRole } from '#shared/protocol/topology.ts';
import type { Activation as Context, Entry, KeyedActor } from './actor.ts';
import { Claim, type Force, type Legacy, pullFor, type Taken } from './claim.ts';
import { InHand } from './in-hand.ts';
import type { KeyedRoleParts } from './keyed-role.ts';
import type { JobLock, Lease } from './lease.ts';
import { LOOK, Outlook } from './outlook.ts';
import { Receiver, type Receiving } from './receiver.ts';
import type { WakeListener } from './runtime.ts';

/** Idle this long (ms), an activation ends. Long enough that steady light traffic does not pay for activations. */
const LINGER = 1000;
/** An activation ends after this (ms) even under load: what it learnt is saved, and its job, whose lock others share, ends some time. */
const LONGEST = 60_000;
/** A key whose activation failed as a whole (a bug) is started again after this (ms). */
const AGAIN_AFTER_BUG = 1000;
/** Entries that may be handed over without a pull, in windows. */
const CREDITS = 2;

export class Activation implements Context, Receiving, WakeListener {
  readonly key: string;
  draining = false;
  /** Its key is given back, or on its way there: that another may have it now is no loss. */
  released = false;
  readonly #of: KeyedRoleParts;
  readonly #claim: Claim;
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
  static async start(of: KeyedRoleParts, key: string, job: JobLock, mayDecline: boolean): Promise<Activation | 'declined' | null> {
    const activation = new Activation(of, key);
    let started = false;
    try {
      activation.#outlook.pull(of.runtime.clock.monotonic());
      const reply = await activation.#claim.ask(job, mayDecline);
      if (typeof reply === 'string') return reply === 'declined' ? reply : null;
      activation.#takeOver(reply);
      await activation.#begin();
      started = true;
      return activation;
    } finally {
      if (!started) activation.#unsubscribe();
    }
  }

  private constructor(of: KeyedRoleParts, key: string) {
    this.#of = of;
    this.key = key;
    this.#claim = new Claim(of.runtime, of.shard, `${of.role}:${key}`);
    // Before the key is ours: what is told from then on is handed to us.
    this.#unsubscribe = of.runtime.onWake(of.shard, this.mailbox, this);
  }

  get mailbox(): string {
    return this.#claim.mailbox;
  }

  get lease(): Lease {
    return this.#claim.lease;
  }

  get role(): KeyedRole {
    return this.#of.role;
  }

  get shard(): number {
    return this.#of.shard.number;
  }

  get epoch(): number {
    return this.lease.epoch;
  }

  get learnt(): unknown {
    return this.#learnt ? JSON.parse(this.#learnt) : null;
  }

  leaseLeft(): number {
    return this.lease.left();
  }

  #takeOver({ learnt, possiblySent, tries, entries, all, next }: Legacy & Taken): void {
    const { metrics, log, clock } = this.#of.runtime;
    if (possiblySent.length) {
      metrics.possiblySent.inc({ role: this.role }, possiblySent.length);
      log.warn({ mailbox: this.mailbox, entries: possiblySent }, 'possibly sent by an activation that died');
    }
    this.#learnt = learnt;
    this.#endAt = clock.monotonic() + LONGEST;
    this.#inHand.inherit(possiblySent, tries);
    for (const entry of entries) this.#inHand.add(entry);
    this.#outlook.pulled(all, next);
    this.#outlook.pullEnded();
  }

  async #begin(): Promise<void> {
    try {
      this.#actor = this.#of.factory(this);
    } catch (error) {
      await this.#giveBack(this.#learnt, this.#of.runtime.clock.now() + AGAIN_AFTER_BUG, '1');
      throw error;
    }
    this.#receiver = new Receiver(this.#of, this, this.#inHand, this.#actor);
  }

  /** An entry was put off until then (milliseconds since the epoch). */
  postponed(until: number): void {
    this.#outlook.dueEarlier(until);
  }

  /** An entry is out of `receive`: there is room for another. */
  settled(): void {
    this.#wake();
  }

  /** Takes nothing more; ends when what is in `receive` is done. */
  drain(): void {
    this.draining = true;
    this.#wake();
  }

  /** Ends now: what is in `receive` must not commit any more. */
  abort(why: string): void {
    const { metrics, log } = this.#of.runtime;
    if (this.lease.aborted) return;
    if (why === 'lease lost') metrics.leaseLost.inc({ role: this.role });
    log.warn({ mailbox: this.mailbox, why }, 'activation aborted');
    this.lease.abort();
    this.#actor.abort?.();
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
      await this.#giveBack(this.#learnt, this.#of.runtime.clock.now() + AGAIN_AFTER_BUG, '2');
      throw error;
    } finally {
      this.#unsubscribe();
      await this.#actor.stop?.();
    }
  }

  async #work(): Promise<void> {
    const { clock } = this.#of.runtime;
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
    while ((inHand.inFlight > 0 || outlook.pulling) && !this.lease.aborted) await this.#pause(LINGER);
  }

  #over(): boolean {
    return this.#mustEnd() || this.#closedUntil() > this.#of.runtime.clock.now();
  }

  #mustEnd(): boolean {
    return this.draining || this.lease.left() <= 0 || this.#of.runtime.clock.monotonic() >= this.#endAt;
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
  handed(entry: Entry, spent: string): void {
    if (spent !== '') this.#outlook.spent(Number(spent));
    if (entry !== '') this.#inHand.add(entry);
    this.#wake();
  }

  missed(): void {
    this.#outlook.missed();
    this.#wake();
  }

  async #pull(): Promise<void> {
    const { clock, log } = this.#of.runtime;
    const round = this.#outlook.pull(clock.monotonic());
    const window = this.#window();
    try {
      // What is in hand stands in the mailbox still, and comes again.
      const taken = await this.#claim.take(this.#inHand.size + pullFor(window), Math.max(1, window * CREDITS), round);
      if (!taken) return this.abort('lease lost');
      for (const entry of taken.entries) if (!this.#inHand.has(entry)) await this.#take(entry);
      this.#outlook.pulled(taken.all, taken.next);
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
    this.released = await this.#giveBack(learnt == null ? '' : JSON.stringify(learnt), this.#closedUntil(), force);
    this.#outlook.reopen();
    return this.released;
  }

  #giveBack(learnt: string, closed: number, force: Force): Promise<boolean> {
    const tries = this.#inHand.triesToKeep();
    this.#inHand.dropReady();
    this.released = true;
    return this.#claim.giveBack(learnt, closed, force, tries);
  }

  #pause(milliseconds: number): Promise<void> {
    // What is due when the window is full has to wait for one that is in hand, and that wakes us.
    const untilDue = this.#inHand.inFlight < this.#window() ? this.#outlook.nextDue - this.#of.runtime.clock.now() : Number.POSITIVE_INFINITY;
    const wait = Math.max(1, Math.min(milliseconds, untilDue, Math.max(1, this.lease.left())));
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#woken = () => {
        this.#woken = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #wake(): void {
    this.#woken?.();
  }
}
