// Group commit: what is submitted while a transaction is in flight travels in the next one. One MULTI, one fsync, many
// items for many mailboxes, with the BullMQ wake-ups they need. Owns the gate (connected and durable) and what happens when a
// connection breaks under a transaction: its fate is learnt from the ledger, and what did not run goes again.
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { Departure } from './departure.ts';
import { classify, StoreFullError, StoreUnavailableError, TransactionAborted, UnknownFateError } from './errors.ts';
import type { Transaction } from './jobs.ts';
import { parseMailbox } from './keys.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { MAX_ITEMS, PendingItems } from './pending-items.ts';
import { Ripening } from './ripening.ts';
import type { Script } from './scripts.ts';
import {
  type Argument,
  type Batch,
  groupByScript,
  type Item,
  itemsOf,
  type PoolWake,
  type Replies,
  type SubmitOptions,
  type WakeKey,
  wakeUps,
} from './transaction-batch.ts';

export interface GroupCommitOptions extends LedgerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const ASK_AGAIN = 50;
/** From one job of a pool to the next (ms): each costs Redis and a worker as much as a message does. */
const POOL_WAKES_TOGETHER = 8;
/** The same of keys: what comes to life one after the other is started together. */
const KEYS_TOGETHER = 50;
/** How long (ms) after a refusal for want of memory one script goes at a time: Redis then refuses every MULTI, whatever is in it. */
const FULL_FOR = 500;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #ledger: Ledger;
  readonly #pending: PendingItems;
  readonly #keys: Ripening<WakeKey>;
  readonly #pools: Ripening<PoolWake>;
  readonly #departure: Departure;
  #busy = false;
  #closedBecause: string | null = 'not connected yet';
  #stopped = false;
  #sequence = 0;
  #fullUntil = Number.NEGATIVE_INFINITY;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    const now = () => options.clock.monotonic();
    this.#ledger = new Ledger(options);
    this.#pending = new PendingItems(now, () => this.#closedBecause);
    const ripe = () => this.#schedule();
    this.#keys = new Ripening({ together: KEYS_TOGETHER, now, ripe });
    this.#pools = new Ripening({ together: POOL_WAKES_TOGETHER, now, ripe });
    this.#departure = new Departure({ pending: this.#pending, ripe: () => this.#keys.ripe || this.#pools.ripe, now, leave: () => this.#leave() });
  }

  /** Null when commits go through now. */
  get closedBecause(): string | null {
    return this.#closedBecause;
  }

  /** How many items wait or are in flight: the least loaded connection takes the next. */
  get load(): number {
    return this.#pending.length + (this.#busy ? MAX_ITEMS : 0);
  }

  /** Opens (null) or closes the gate. What is pending waits for it to open. */
  setGate(closedBecause: string | null): void {
    this.#closedBecause = closedBecause;
    if (closedBecause === null) this.#schedule();
  }

  /**
   * Runs one item of a script in the next transaction; resolves with its reply once that is durable.
   * Errors: StoreUnavailableError after `patience`, StoreFullError, UnknownFateError (unrepeatable scripts only).
   */
  submit(script: Script, args: readonly Argument[], options: SubmitOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new StoreUnavailableError('the process is stopping'));
      let size = 64;
      for (const arg of args) size += typeof arg === 'number' ? 16 : arg.length;
      const giveUpAt = options.patience === undefined ? Number.POSITIVE_INFINITY : this.#options.clock.monotonic() + options.patience;
      this.#pending.push({ ...options, script, args, size, giveUpAt, resolve, reject });
      this.#schedule();
    });
  }

  /** Sees to it that a key which this process does not start is started at its time; at once, for it has waited. */
  wake(key: WakeKey): void {
    this.#keys.addRipe(key);
    this.#schedule();
  }

  /** Lets what is pending go, then refuses more. */
  async stop(): Promise<void> {
    while (this.#closedBecause === null && (this.#pending.length || this.#busy || this.#keys.length || this.#pools.length))
      await new Promise((go) => setTimeout(go, 5));
    this.#stopped = true;
    this.#keys.stop();
    this.#pools.stop();
    this.#departure.stop();
    this.#pending.rejectAll(new StoreUnavailableError('the process is stopping'));
  }

  #schedule(): void {
    if (this.#closedBecause !== null) return this.#stopped ? undefined : this.#pending.watch();
    if (!this.#busy) this.#departure.schedule();
  }

  #leave(): void {
    if (!this.#busy && this.#closedBecause === null) void this.#flush();
  }

  async #flush(): Promise<void> {
    const { clock, metrics } = this.#options;
    this.#busy = true;
    while (this.#departure.due && this.#closedBecause === null) {
      const started = clock.monotonic();
      const full = started < this.#fullUntil;
      const batch = this.#nextBatch(full);
      this.#departure.left();
      if (full && batch.groups.size === 0) continue; // wake-ups alone: the sweep will find them
      await this.#transact(batch, full);
      metrics.commitSize.observe(itemsOf(batch).length);
      metrics.commitSeconds.observe((clock.monotonic() - started) / 1000);
      // What the replies set off belongs in the next transaction, not in the one after.
      await new Promise((turn) => setImmediate(turn));
    }
    this.#busy = false;
    if (this.#pending.length) this.#schedule();
    this.#keys.wait();
    this.#pools.wait();
  }

  #nextBatch(full: boolean): Batch {
    const items = this.#pending.take(full);
    for (const { wakes = [] } of items) for (const wake of wakes) this.#pools.add(wake);
    return { groups: groupByScript(items), activations: this.#keys.take(), pools: this.#pools.take(), sequence: ++this.#sequence };
  }

  /** `full`: without wake-ups, which Redis would refuse. The sweep makes them when there is room. */
  async #transact(batch: Batch, full: boolean): Promise<void> {
    const transaction = this.#options.jobs.transaction();
    this.#ledger.write(transaction, batch);
    const jobs = full ? [] : this.#addJobs(transaction, batch);
    const executed = transaction.exec();
    const replicated = this.#ledger.replicated();
    replicated.catch(() => {}); // it is awaited below, unless the transaction fails first
    for (const job of jobs) job.catch(() => {}); // a wake-up that fails is found by the sweep
    let replies: Replies | null = null;
    try {
      replies = (await executed) ?? [];
      await replicated;
      this.#answer(batch, replies);
    } catch (error) {
      await this.#recover(batch, error as Error, replies);
    }
  }

  #addJobs(transaction: Transaction, batch: Batch): Promise<unknown>[] {
    const { jobs, clock } = this.#options;
    return wakeUps(batch, clock.now()).map(({ role, data, delay }) => jobs.add(transaction, role, data, delay));
  }

  /** Hands out the replies. A script that could not run now goes again: its neighbours' replies stand. */
  #answer({ groups }: Batch, replies: Replies): void {
    let index = 0;
    for (const group of groups.values()) {
      const [error, reply] = replies[index++] ?? [new Error('the transaction has too few replies'), null];
      if (!error) this.#answerGroup(group, reply as [unknown[], (string | number)[]]);
      else if (classify(error) === 'retry') this.#again(group, error);
      else for (const item of group) item.reject(classify(error) === 'full' ? new StoreFullError(error.message) : error);
    }
  }

  #answerGroup(group: readonly Item[], [results, wakes]: [unknown[], (string | number)[]]): void {
    group.forEach((item, i) => {
      const result = results[i];
      if (!(result instanceof Error)) return item.resolve(result);
      item.reject(classify(result) === 'full' ? new StoreFullError(result.message) : result);
    });
    for (let i = 0; i + 1 < wakes.length; i += 2) {
      const mailbox = parseMailbox(wakes[i] as string);
      if ('key' in mailbox) this.#keys.add({ role: mailbox.role, key: mailbox.key, at: Number(wakes[i + 1]) });
    }
  }

  #again(items: readonly Item[], error: Error): void {
    this.#options.log.warn({ err: error.message, items: items.length }, 'a script goes again');
    this.#pending.again(items);
    if (error.message.startsWith('NOSCRIPT'))
      this.#options.jobs.loadScripts().catch((failure: Error) => this.#options.log.warn({ err: failure.message }, 'scripts not loaded'));
  }

  /**
   * After an error that may pass: learns which scripts of the transaction ran, and answers or repeats accordingly. With `replies` it did
   * run, and only its copies were in doubt.
   */
  async #recover(batch: Batch, error: Error, replies: Replies | null): Promise<void> {
    const { log } = this.#options;
    if (error instanceof TransactionAborted && this.#rejectFull(batch, error.refusals)) return;
    if (classify(error) === 'bug') {
      log.error({ err: error }, 'commit failed');
      for (const item of itemsOf(batch)) item.reject(error);
      return;
    }
    log.warn({ err: error.message, items: itemsOf(batch).length }, 'the fate of a commit has to be learnt');
    for (;;) {
      for (const [script, group] of batch.groups) batch.groups.set(script, this.#pending.dropImpatient(group));
      if (this.#stopped || itemsOf(batch).length === 0) break;
      const ran = this.#closedBecause === null ? await this.#ledger.whatRan(batch) : null;
      if (ran !== null) return this.#settleFate(batch, ran, replies);
      await new Promise((resume) => setTimeout(resume, ASK_AGAIN));
    }
    for (const item of itemsOf(batch)) item.reject(new StoreUnavailableError('the process is stopping'));
  }

  #settleFate(batch: Batch, ran: ReadonlySet<Script>, replies: Replies | null): void {
    // One MULTI ran whole or not at all; a script of it that failed is missing in the ledger.
    if (replies && ran.size > 0) return this.#answer(batch, replies);
    if (ran.size === 0) this.#wakeAgain(batch);
    for (const [script, group] of batch.groups) {
      if (!ran.has(script) || (script.answer === undefined && script.repeatable)) this.#pending.again(group);
      else if (script.answer !== undefined) for (const item of group) item.resolve(script.answer);
      else for (const item of group) item.reject(new UnknownFateError('it ran, but its reply is lost'));
    }
  }

  /** When memory is full, scripts that take new mail are refused; what else was in their transaction goes again, for it frees memory. */
  #rejectFull(batch: Batch, refusals: readonly (Error | undefined)[]): boolean {
    if (!refusals.some((refusal) => refusal && classify(refusal) === 'full')) return false;
    this.#fullUntil = this.#options.clock.monotonic() + FULL_FOR;
    for (const [script, group] of batch.groups) {
      if (script.denyOom) for (const item of group) item.reject(new StoreFullError('Redis has no memory for new mail'));
      else this.#pending.again(group);
    }
    this.#wakeAgain(batch);
    return true;
  }

  /** What goes again brings its wake-ups once more, which does no harm. */
  #wakeAgain({ activations, pools }: Batch): void {
    this.#keys.again(activations);
    this.#pools.again(pools);
  }
}
