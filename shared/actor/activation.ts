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
/** An activation ends after this (ms) even under load, so that a process that joins gets its share of the keys. */
const LONGEST = 60_000;
/** Share of the lease kept between the last commit and its end: clocks of Redis and ours do not run at the same rate. */
const MARGIN = 0.1;
/** An entry handled this often and still there is put off, as one whose actor throws. */
const MAX_REPEATS = 3;
const REMEMBERED = 256;
/** Entries that may be handed over without a pull, in windows. */
const CREDITS = 2;
/** Entries asked for in one pull: at least so many, at most so many, else twice the window. More would only add to what a crash leaves in doubt. */
const LEAST_PULL = 32;
const PULL = 64;

export interface JobLock {
  readonly id: string;
  readonly token: string;
  /** Prefix of the queue's job keys. */
  readonly prefix: string;
}

export class Activation {
  readonly mailbox: string;
  readonly epoch: number;
  readonly lock: { readonly key: string; readonly token: string };
  readonly #runtime: Runtime;
  readonly #shard: Shard;
  readonly #actor: KeyedActor;
  readonly #role: KeyedRole;
  readonly #abort = new AbortController();
  readonly #counters;
  readonly #ready: { readonly entry: Entry; readonly handedOutBefore: boolean }[];
  /** Throws by entry, also those that earlier activations saw: a pause is mostly longer than an activation. */
  readonly #tries: Map<Entry, number>;
  /** Ready or in `receive`: still in the mailbox, so every pull shows them again. */
  readonly #inHand = new Set<Entry>();
  readonly #finished = new Map<Entry, number>();
  #inFlight = 0;
  #deadline: number;
  readonly #endAt: number;
  #draining = false;
  #exhausted = false;
  #nextDue = Number.POSITIVE_INFINITY;
  #woken: (() => void) | undefined;
  #round = 0;
  #spent = 0;
  #pulledAt = 0;
  #pulling = false;

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
    const asked = runtime.clock.monotonic();
    const reply = await shard.submit(scripts.start, [mailbox, job.id, job.token, job.prefix, runtime.processId, runtime.clock.now(), mayDecline ? '1' : '0'], {
      patience: 10_000,
    });
    const [verdict, epoch, learnt, leaseLeft, handed, tries] = reply as [string, string, string, number, Entry[], string];
    if (verdict === 'declined') return 'declined';
    if (verdict !== 'active') return null;
    if (handed.length) {
      runtime.metrics.possiblySent.inc({ role }, handed.length);
      runtime.log.warn({ mailbox, entries: handed }, 'possibly sent by an activation that died');
    }
    return new Activation(runtime, shard, role, key, job, factory, { epoch: Number(epoch), learnt, deadline: asked + leaseLeft, handed, tries });
  }

  private constructor(
    runtime: Runtime,
    shard: Shard,
    role: KeyedRole,
    key: string,
    job: JobLock,
    factory: KeyedFactory,
    facts: { epoch: number; learnt: string; deadline: number; handed: Entry[]; tries: string },
  ) {
    this.#runtime = runtime;
    this.#shard = shard;
    this.#role = role;
    const { queueInFlight, processed, stageSeconds } = runtime.metrics;
    this.#counters = { inFlight: queueInFlight.labels(role), processed: processed.labels(role), stage: stageSeconds.labels(role) };
    this.mailbox = `${role}:${key}`;
    this.epoch = facts.epoch;
    this.lock = { key: `${job.prefix}${job.id}:lock`, token: job.token };
    this.#deadline = facts.deadline;
    this.#endAt = runtime.clock.monotonic() + LONGEST;
    this.#ready = facts.handed.map((entry) => ({ entry, handedOutBefore: true }));
    for (const entry of facts.handed) this.#inHand.add(entry);
    this.#tries = new Map(facts.tries ? (JSON.parse(facts.tries) as [Entry, number][]) : []);
    const context: Context = {
      role,
      key,
      shard: shard.number,
      epoch: facts.epoch,
      learnt: facts.learnt ? JSON.parse(facts.learnt) : null,
      leaseLeft: () => this.leaseLeft(),
      signal: this.#abort.signal,
    };
    this.#actor = factory(context);
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
    this.#draining = true;
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
    const unsubscribe = this.#runtime.onWake(this.#shard, this.mailbox, (entry, spent) => this.#handed(entry, spent));
    try {
      do {
        await this.#work();
      } while (!(await this.#release()));
    } finally {
      unsubscribe();
      await this.#actor.stop?.();
    }
  }

  /** An entry told while we had credit. The last one tells which pull's credit is spent: what comes next has to be pulled. */
  #handed(entry: Entry, spent: string): void {
    if (spent !== '') {
      this.#spent = Math.max(this.#spent, Number(spent));
      if (this.#spent >= this.#round) this.#exhausted = false;
    }
    if (entry !== '' && !this.#inHand.has(entry)) {
      this.#inHand.add(entry);
      this.#ready.push({ entry, handedOutBefore: false });
    }
    this.#wake();
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
      if (idle && !this.#pulling && now - (idleSince as number) >= LINGER) return;
      // A full window takes nothing until a message in hand is done, which wakes us; so does the end of a pull.
      const waits = this.#pulling || (!idle && this.#inFlight >= window);
      const since = waits ? now : idle ? (idleSince as number) : this.#pulledAt;
      await this.#pause(Math.max(1, LINGER - (now - since)));
      // Publish/subscribe may lose a message, and delayed entries come due.
      if (this.#runtime.clock.now() >= this.#nextDue || this.#runtime.clock.monotonic() - this.#pulledAt >= LINGER) this.#exhausted = false;
    }
    while ((this.#inFlight > 0 || this.#pulling) && !this.#abort.signal.aborted) await this.#pause(LINGER);
  }

  #over(): boolean {
    return this.#mustEnd() || this.#closedUntil() > this.#runtime.clock.now();
  }

  #mustEnd(): boolean {
    return this.#draining || this.#abort.signal.aborted || this.leaseLeft() <= 0 || this.#runtime.clock.monotonic() >= this.#endAt;
  }

  #force(): '0' | '1' | '2' {
    if (!this.#mustEnd()) return '0';
    return this.#inFlight > 0 ? '2' : '1';
  }

  #window(): number {
    return Math.max(0, this.#actor.window());
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
      this.#draining = true;
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
    this.#inHand.add(entry);
    this.#ready.push({ entry, handedOutBefore: false });
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
    const closed = this.#closedUntil();
    const tries = this.#tries.size > 0 ? JSON.stringify([...this.#tries].slice(-REMEMBERED)) : '';
    const args = [this.mailbox, String(this.epoch), this.#runtime.clock.now(), learnt == null ? '' : JSON.stringify(learnt), closed, this.#force(), tries];
    for (const { entry } of this.#ready.splice(0)) this.#inHand.delete(entry);
    const reply = await this.#shard.submit(scripts.release, args, { patience: 10_000 }).catch((error: Error) => {
      this.#runtime.log.warn({ mailbox: this.mailbox, err: error.message }, 'not released; the sweep will find it');
      return ['released'];
    });
    this.#exhausted = false;
    return (reply as string[])[0] !== 'more';
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
