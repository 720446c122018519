// One activation of a keyed actor: takes batches from the key's mailbox, keeps as many entries in `receive` as the actor's
// window allows, lingers a moment when nothing is due, and gives back what it could not finish. Every commit of it is
// fenced by its epoch; nothing is handed out past its lease.
import type { KeyedRole } from '#shared/protocol/topology.ts';
import type { Activation as Context, Entry, KeyedActor, KeyedFactory } from './actor.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';
import { backoff, describeError, isGivenUp } from './supervision.ts';

/** Idle this long (ms), an activation ends. Long enough that steady light traffic does not pay for activations. */
const LINGER = 1000;
/** What waits for a slow next hop looks into its mailbox ever more rarely (ms): what is told is handed to it, and it hears when that failed. */
const LOOK = 1000;
const LOOK_RARELY = 8000;
/** An activation ends after this (ms) even under load: what it learnt is saved, and its job, whose lock others share, ends some time. */
const LONGEST = 60_000;
/** Share of the lease kept between the last commit and its end: clocks of Redis and ours do not run at the same rate. */
const MARGIN = 0.1;
/** A key whose activation failed as a whole (a bug) is started again after this (ms). */
const AGAIN_AFTER_BUG = 1000;
/** An entry handled this often and still there is put off, as one whose actor throws. */
const MAX_REPEATS = 3;
const REMEMBERED = 256;
/** Entries that may be handed over without a pull, in windows; at the start, before there is an actor with a window, so many. */
const CREDITS = 2;
const FIRST_CREDIT = 8;
/** Entries asked for in one pull: at least so many, at most so many, else twice the window. More would only add to what a crash leaves in doubt. */
const LEAST_PULL = 32;
const PULL = 64;

export interface JobLock {
  readonly id: string;
  readonly token: string;
  /** Prefix of the queue's job keys. */
  readonly prefix: string;
}

type StartReply =
  | readonly [verdict: 'active', epoch: string, learnt: string, leaseLeft: number, possiblySent: Entry[], tries: string, next: string, entries: Entry[]]
  | readonly [verdict: 'busy' | 'lost' | 'declined' | 'closed' | 'later' | 'empty'];

interface StartFacts {
  readonly epoch: number;
  readonly learnt: string;
  /** When the first entries were asked for, and until when the key is ours, on the monotonic clock. */
  readonly asked: number;
  readonly deadline: number;
  readonly possiblySent: readonly Entry[];
  readonly tries: string;
  readonly next: string;
  readonly entries: readonly Entry[];
}

export class Activation {
  readonly mailbox: string;
  readonly epoch: number;
  readonly lock: { readonly key: string; readonly token: string };
  draining = false;
  readonly #runtime: Runtime;
  readonly #shard: Shard;
  #actor!: KeyedActor;
  readonly #role: KeyedRole;
  readonly #unsubscribe: () => void;
  /** What an earlier activation saved, as it stands in Redis. */
  readonly #learnt: string;
  readonly #abort = new AbortController();
  readonly #counters;
  readonly #ready: { readonly entry: Entry; readonly handedOutBefore: boolean }[] = [];
  /** Throws by entry, also those that earlier activations saw: a pause is mostly longer than an activation. */
  readonly #tries: Map<Entry, number>;
  /** Ready or in `receive`: still in the mailbox, so every pull shows them again. */
  readonly #inHand = new Set<Entry>();
  readonly #finished = new Map<Entry, number>();
  #inFlight = 0;
  #deadline: number;
  readonly #endAt: number;
  #exhausted = false;
  #nextDue = Number.POSITIVE_INFINITY;
  #woken: (() => void) | undefined;
  #round = 0;
  #spent = 0;
  #pulledAt = 0;
  #pulling = false;
  /** How long after a pull the next one looks for what nobody told of. */
  #look = LOOK;

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
    const mailbox = `${role}:${key}`;
    // Before it is ours: what is told from then on is handed to us.
    const early: [Entry, string][] = [];
    let activation: Activation | undefined;
    const unsubscribe = runtime.onWake(shard, mailbox, {
      handed: (entry, spent) => (activation ? activation.#handed(entry, spent) : early.push([entry, spent])),
      missed: () => (activation ? activation.#missed() : undefined),
    });
    try {
      const asked = runtime.clock.monotonic();
      const { id, token, prefix } = job;
      const args = [mailbox, id, token, prefix, runtime.processId, runtime.clock.now(), mayDecline ? '1' : '0', LEAST_PULL, FIRST_CREDIT];
      const reply = (await shard.submit(scripts.start, args, { patience: 10_000 })) as StartReply;
      if (reply[0] !== 'active') return reply[0] === 'declined' ? 'declined' : null;
      const [, epoch, learnt, leaseLeft, possiblySent, tries, next, entries] = reply;
      if (possiblySent.length) {
        runtime.metrics.possiblySent.inc({ role }, possiblySent.length);
        runtime.log.warn({ mailbox, entries: possiblySent }, 'possibly sent by an activation that died');
      }
      const facts = { epoch: Number(epoch), learnt, asked, deadline: asked + leaseLeft, possiblySent, tries, next, entries };
      activation = new Activation(runtime, shard, role, key, job, facts, unsubscribe);
      for (const [entry, spent] of early) activation.#handed(entry, spent);
      await activation.#begin(key, factory);
      return activation;
    } finally {
      if (!activation) unsubscribe();
    }
  }

  private constructor(runtime: Runtime, shard: Shard, role: KeyedRole, key: string, job: JobLock, facts: StartFacts, unsubscribe: () => void) {
    this.#runtime = runtime;
    this.#shard = shard;
    this.#role = role;
    const { queueInFlight, processed, stageSeconds } = runtime.metrics;
    this.#counters = { inFlight: queueInFlight.labels(role), processed: processed.labels(role), stage: stageSeconds.labels(role) };
    this.mailbox = `${role}:${key}`;
    this.epoch = facts.epoch;
    this.lock = { key: `${job.prefix}${job.id}:lock`, token: job.token };
    this.#unsubscribe = unsubscribe;
    this.#learnt = facts.learnt;
    this.#deadline = facts.deadline;
    this.#endAt = runtime.clock.monotonic() + LONGEST;
    this.#tries = new Map(facts.tries ? (JSON.parse(facts.tries) as [Entry, number][]) : []);
    for (const entry of facts.possiblySent) this.#getReady(entry, true);
    for (const entry of facts.entries) this.#getReady(entry, false);
    this.#pulledAt = facts.asked;
    this.#round = 1;
    this.#exhausted = facts.entries.length < LEAST_PULL;
    this.#nextDue = facts.next ? Number(facts.next) : Number.POSITIVE_INFINITY;
  }

  async #begin(key: string, factory: KeyedFactory): Promise<void> {
    const context: Context = {
      role: this.#role,
      key,
      shard: this.#shard.number,
      epoch: this.epoch,
      learnt: this.#learnt ? JSON.parse(this.#learnt) : null,
      leaseLeft: () => this.leaseLeft(),
      signal: this.#abort.signal,
    };
    try {
      this.#actor = factory(context);
    } catch (error) {
      this.#unsubscribe();
      await this.#giveBack(this.#learnt, this.#runtime.clock.now() + AGAIN_AFTER_BUG, '1');
      throw error;
    }
  }

  /** Milliseconds for which nobody else can be given this key. */
  leaseLeft(): number {
    return this.#abort.signal.aborted ? 0 : this.#deadline - this.#runtime.lease * MARGIN - this.#runtime.clock.monotonic();
  }

  extend(deadline: number): void {
    this.#deadline = Math.max(this.#deadline, deadline);
  }

  /** Takes nothing more; ends when what is in `receive` is done. */
  drain(): void {
    this.draining = true;
    this.#wake();
  }

  /** Ends now: what is in `receive` must not commit any more. */
  abort(why: string): void {
    if (this.#abort.signal.aborted) return;
    if (why === 'lease lost') this.#runtime.metrics.leaseLost.inc({ role: this.#role });
    this.#runtime.log.warn({ mailbox: this.mailbox, why }, 'activation aborted');
    this.#abort.abort(new Error(why));
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

  /** An entry told while we had credit. The last one tells which pull's credit is spent: what comes next has to be pulled. */
  #handed(entry: Entry, spent: string): void {
    if (spent !== '') {
      this.#spent = Math.max(this.#spent, Number(spent));
      if (this.#spent >= this.#round) this.#exhausted = false;
    }
    if (entry !== '') this.#getReady(entry, false);
    this.#wake();
  }

  /** Entries may have been handed to us that we did not hear of. */
  #missed(): void {
    this.#exhausted = false;
    this.#look = LOOK;
    this.#wake();
  }

  #getReady(entry: Entry, handedOutBefore: boolean): void {
    if (this.#inHand.has(entry)) return;
    this.#inHand.add(entry);
    this.#ready.push({ entry, handedOutBefore });
  }

  async #work(): Promise<void> {
    let idleSince: number | null = null;
    while (!this.#over()) {
      this.#fill();
      const window = this.#window();
      // Before the last one is taken: a destination must not wait while Redis answers.
      if (!this.#exhausted && !this.#pulling && this.#ready.length <= window / 2) void this.#pull();
      const now = this.#runtime.clock.monotonic();
      const idle = this.#inFlight === 0 && this.#ready.length === 0;
      idleSince = idle ? (idleSince ?? now) : null;
      if (idle && !this.#pulling && now - (idleSince as number) >= this.#linger()) return;
      // A full window takes nothing until a message in hand is done, which wakes us; so does the end of a pull.
      const waits = this.#pulling || (!idle && this.#inFlight >= window);
      const until = waits ? now + LOOK : idle ? (idleSince as number) + this.#linger() : this.#pulledAt + this.#look;
      await this.#pause(Math.max(1, until - now));
      // Publish/subscribe may lose a message, and delayed entries come due.
      if (this.#runtime.clock.now() >= this.#nextDue) this.#exhausted = false;
      else if (this.#exhausted && this.#runtime.clock.monotonic() - this.#pulledAt >= this.#look) {
        this.#exhausted = false;
        this.#look = Math.min(LOOK_RARELY, this.#look * 2);
      }
    }
    while ((this.#inFlight > 0 || this.#pulling) && !this.#abort.signal.aborted) await this.#pause(LINGER);
  }

  #over(): boolean {
    return this.#mustEnd() || this.#closedUntil() > this.#runtime.clock.now();
  }

  #mustEnd(): boolean {
    return this.draining || this.#abort.signal.aborted || this.leaseLeft() <= 0 || this.#runtime.clock.monotonic() >= this.#endAt;
  }

  #force(): '0' | '1' | '2' {
    if (!this.#mustEnd()) return '0';
    return this.#inFlight > 0 ? '2' : '1';
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
    while (this.#ready.length > 0 && this.#inFlight < this.#window() && !this.#over()) {
      const next = this.#ready.shift() as { entry: Entry; handedOutBefore: boolean };
      this.#inFlight++;
      void this.#receive(next.entry, next.handedOutBefore);
    }
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    this.#pulledAt = this.#runtime.clock.monotonic();
    const count = this.#inHand.size + Math.min(PULL, Math.max(LEAST_PULL, this.#window() * 2));
    const credit = Math.max(1, this.#window() * CREDITS);
    try {
      const args = [this.mailbox, String(this.epoch), count, this.#runtime.clock.now(), credit, ++this.#round];
      await this.#pulled(count, await this.#shard.submit(scripts.pull, args, { patience: 10_000 }));
    } catch (error) {
      this.#runtime.log.warn({ mailbox: this.mailbox, err: (error as Error).message }, 'nothing could be taken');
      this.draining = true;
    } finally {
      this.#pulling = false;
      this.#wake();
    }
  }

  async #pulled(count: number, reply: unknown): Promise<void> {
    const [verdict, next, entries] = reply as [string, string, Entry[]];
    if (verdict === 'fenced') return this.abort('lease lost');
    for (const entry of entries) if (!this.#inHand.has(entry)) await this.#take(entry);
    this.#exhausted = entries.length < count && this.#spent < this.#round;
    this.#nextDue = next ? Number(next) : Number.POSITIVE_INFINITY;
  }

  async #take(entry: Entry): Promise<void> {
    if ((this.#finished.get(entry) ?? 0) >= MAX_REPEATS) return this.#tryAgainLater(entry, new Error('handled, and still in the mailbox'));
    this.#getReady(entry, false);
  }

  /** Remembers the last entries handled: one that its actor never takes off the mailbox must not keep it busy. */
  #finish(entry: Entry): void {
    this.#tries.delete(entry);
    this.#finished.set(entry, (this.#finished.get(entry) ?? 0) + 1);
    if (this.#finished.size > REMEMBERED) this.#finished.delete(this.#finished.keys().next().value as Entry);
  }

  async #receive(entry: Entry, handedOutBefore: boolean): Promise<void> {
    const { inFlight } = this.#counters;
    const takenAt = this.#runtime.clock.monotonic();
    inFlight.inc();
    try {
      await this.#actor.receive(entry, { handedOutBefore });
      this.#finish(entry);
      this.#counters.processed.inc();
      this.#counters.stage.observe((this.#runtime.clock.monotonic() - takenAt) / 1000);
    } catch (error) {
      await this.#tryAgainLater(entry, error).catch((failure: Error) => this.#runtime.log.warn({ entry, err: failure.message }, 'entry not postponed'));
    } finally {
      inFlight.dec();
      this.#inFlight--;
      this.#inHand.delete(entry);
      this.#wake();
    }
  }

  async #tryAgainLater(entry: Entry, error: unknown): Promise<void> {
    const tries = (this.#tries.get(entry) ?? 0) + 1;
    this.#tries.set(entry, tries);
    this.#runtime.metrics.retried.inc({ role: this.#role });
    this.#runtime.log.error({ mailbox: this.mailbox, entry, tries, err: error }, 'actor failed');
    const now = this.#runtime.clock.now();
    if (isGivenUp(tries, error)) {
      this.#tries.delete(entry);
      await this.#shard.submit(scripts.bury, [this.mailbox, String(this.epoch), entry, JSON.stringify({ error: describeError(error), at: now })]);
      return;
    }
    await this.#shard.submit(scripts.postpone, [this.mailbox, String(this.epoch), entry, now + backoff(tries)]);
    this.#nextDue = Math.min(this.#nextDue, now + backoff(tries));
  }

  /** True when the activation is over; false when there is work due after all. */
  async #release(): Promise<boolean> {
    const learnt = this.#actor.learnt?.();
    const verdict = await this.#giveBack(learnt == null ? '' : JSON.stringify(learnt), this.#closedUntil(), this.#force());
    this.#exhausted = false;
    return verdict !== 'more';
  }

  async #giveBack(learnt: string, closed: number, force: '0' | '1' | '2'): Promise<string> {
    const tries = this.#tries.size > 0 ? JSON.stringify([...this.#tries].slice(-REMEMBERED)) : '';
    const args = [this.mailbox, String(this.epoch), this.#runtime.clock.now(), learnt, closed, force, tries];
    for (const { entry } of this.#ready.splice(0)) this.#inHand.delete(entry);
    const reply = await this.#shard.submit(scripts.release, args, { patience: 10_000 }).catch((error: Error) => {
      this.#runtime.log.warn({ mailbox: this.mailbox, err: error.message }, 'not released; the sweep will find it');
      return ['released'];
    });
    return (reply as string[])[0] ?? 'released';
  }

  async #pause(milliseconds: number): Promise<void> {
    // What is due when the window is full has to wait for one that is in hand, and that wakes us.
    const untilDue = this.#inFlight < this.#window() ? this.#nextDue - this.#runtime.clock.now() : Number.POSITIVE_INFINITY;
    const wait = Math.max(1, Math.min(milliseconds, untilDue, Math.max(1, this.leaseLeft())));
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
