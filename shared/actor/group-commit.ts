// Group commit: what is submitted while a transaction is in flight travels in the next one. One MULTI, one fsync, many
// items for many mailboxes, with the BullMQ wake-ups they need. Owns the gate (connected and durable) and what happens when a
// connection breaks under a transaction: a ledger key, written by each, tells afterwards whether it ran.
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { classify, StoreFullError, StoreUnavailableError, TransactionAborted, UnknownFateError } from './errors.ts';
import type { JobWriter, Transaction } from './jobs.ts';
import { parseMailbox } from './keys.ts';
import type { Script } from './scripts.ts';
import {
  type Argument,
  type Batch,
  flatten,
  groupByScript,
  type Item,
  itemsOf,
  type Replies,
  type SubmitOptions,
  type WakeKey,
  wakeUps,
} from './transaction-batch.ts';

export interface GroupCommitOptions {
  readonly base: string;
  /** The connection that transactions of this shard go through: in a Cluster, the one to its master. */
  readonly redis: () => Redis;
  readonly jobs: JobWriter;
  readonly replicas: number;
  readonly replicaTimeout: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const MAX_ITEMS = 512;
const MAX_BYTES = 8 * 1024 * 1024;
const ASK_AGAIN = 50;
/** Activations go at once when none went this long (ms), else together: many keys that come to life one after the other share their jobs. */
const TOGETHER = 50;
/** How long (ms) after a refusal for want of memory one script goes at a time: Redis then refuses every MULTI, whatever is in it. */
const FULL_FOR = 500;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #pending: Item[] = [];
  #activations: WakeKey[] = [];
  #activatedAt = Number.NEGATIVE_INFINITY;
  #ripening: NodeJS.Timeout | undefined;
  #busy = false;
  #scheduled = false;
  #closedBecause: string | null = 'not connected yet';
  #stopped = false;
  #patience: NodeJS.Timeout | undefined;
  readonly #ledger: string;
  #sequence = 0;
  #fullUntil = Number.NEGATIVE_INFINITY;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#ledger = `${options.base}ledger:${randomUUID()}`;
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
    this.#activations.push(key);
    this.#activatedAt = Number.NEGATIVE_INFINITY;
    this.#schedule();
  }

  /** Lets what is pending go, then refuses more. */
  async stop(): Promise<void> {
    while (this.#closedBecause === null && (this.#pending.length || this.#busy || this.#activations.length)) await new Promise((go) => setTimeout(go, 5));
    this.#stopped = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#ripening);
    for (const item of this.#pending.splice(0)) item.reject(new StoreUnavailableError('the process is stopping'));
  }

  #schedule(): void {
    if (this.#closedBecause !== null) return this.#watchPatience();
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#busy && this.#closedBecause === null) void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#busy = true;
    while ((this.#pending.length || this.#ripe()) && this.#closedBecause === null) {
      const started = this.#options.clock.monotonic();
      const full = started < this.#fullUntil;
      const batch: Batch = { groups: groupByScript(this.#take(full)), activations: this.#takeRipe(), sequence: ++this.#sequence };
      if (full && batch.groups.size === 0) continue; // wake-ups alone: the sweep will find them
      await this.#transact(batch, full);
      this.#options.metrics.commitSize.observe(itemsOf(batch).length);
      this.#options.metrics.commitSeconds.observe((this.#options.clock.monotonic() - started) / 1000);
      // What the replies set off belongs in the next transaction, not in the one after.
      await new Promise((turn) => setImmediate(turn));
    }
    this.#busy = false;
    if (this.#pending.length) this.#schedule();
    else if (this.#activations.length) this.#ripening ??= setTimeout(() => this.#ripen(), Math.max(1, this.#untilRipe()));
  }

  #ripen(): void {
    this.#ripening = undefined;
    this.#schedule();
  }

  #ripe(): boolean {
    return this.#activations.length > 0 && this.#untilRipe() <= 0;
  }

  #untilRipe(): number {
    return this.#activatedAt + TOGETHER - this.#options.clock.monotonic();
  }

  #takeRipe(): WakeKey[] {
    if (!this.#ripe()) return [];
    this.#activatedAt = this.#options.clock.monotonic();
    return this.#activations.splice(0, MAX_ITEMS);
  }

  #take(oneScript: boolean): Item[] {
    // A process that was suspended must not commit what it has promised nobody to commit this late.
    this.#pending = this.#dropImpatient(this.#pending);
    let bytes = 0;
    let count = 0;
    for (const item of this.#pending) {
      if (oneScript && item.script !== this.#pending[0]?.script) break;
      bytes += item.size;
      if (count >= MAX_ITEMS || (count > 0 && bytes > MAX_BYTES)) break;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  /** `full`: without wake-ups, which Redis would refuse. The sweep makes them when there is room. */
  async #transact(batch: Batch, full: boolean): Promise<void> {
    const transaction = this.#options.jobs.transaction();
    for (const [script, group] of batch.groups) transaction.runCommand(script.name, flatten(group, [this.#options.base, ...this.#ledgerEntry(script, batch)]));
    const jobs = full ? [] : this.#addJobs(transaction, batch);
    const executed = transaction.exec();
    const replicated = this.#replicated();
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

  #ledgerEntry(script: Script, { sequence }: Batch): Argument[] {
    return [this.#ledger, script.name, sequence];
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
      if ('key' in mailbox) this.#activations.push({ role: mailbox.role, key: mailbox.key, at: Number(wakes[i + 1]) });
    }
  }

  #again(items: readonly Item[], error: Error): void {
    this.#options.log.warn({ err: error.message, items: items.length }, 'a script goes again');
    this.#pending.unshift(...items);
    if (error.message.startsWith('NOSCRIPT'))
      this.#options.jobs.loadScripts().catch((failure: Error) => this.#options.log.warn({ err: failure.message }, 'scripts not loaded'));
  }

  /** Rejects when too few replicas have acknowledged what this connection wrote. */
  async #replicated(): Promise<void> {
    const { replicas, replicaTimeout, redis } = this.#options;
    if (replicas > 0 && (await redis().wait(replicas, replicaTimeout)) < replicas) throw new Error('NOREPLICAS too few replicas acknowledged in time');
  }

  /**
   * After an error that may pass: learns which scripts of the transaction ran, and answers or repeats accordingly. With `replies` it did
   * run, and only its copies were in doubt.
   */
  async #recover(batch: Batch, error: Error, replies: Replies | null): Promise<void> {
    if (error instanceof TransactionAborted && this.#rejectFull(batch, error.refusals)) return;
    if (classify(error) === 'bug') {
      this.#options.log.error({ err: error }, 'commit failed');
      for (const item of itemsOf(batch)) item.reject(error);
      return;
    }
    this.#options.log.warn({ err: error.message, items: itemsOf(batch).length }, 'the fate of a commit has to be learnt');
    for (;;) {
      for (const [script, group] of batch.groups) batch.groups.set(script, this.#dropImpatient(group));
      if (this.#stopped || itemsOf(batch).length === 0) break;
      const ran = this.#closedBecause === null ? await this.#whatRan(batch) : null;
      if (ran !== null) return this.#settleFate(batch, ran, replies);
      await new Promise((resume) => setTimeout(resume, ASK_AGAIN));
    }
    for (const item of itemsOf(batch)) item.reject(new StoreUnavailableError('the process is stopping'));
  }

  /** The scripts that the ledger shows for this transaction, once replicas have it; null when that cannot be learnt now. */
  async #whatRan(batch: Batch): Promise<ReadonlySet<Script> | null> {
    try {
      const ledger = await this.#options.redis().hgetall(this.#ledger);
      const ran = [...batch.groups.keys()].filter((script) => Number(ledger[script.name]) === batch.sequence);
      if (ran.length > 0 && this.#options.replicas > 0) {
        // WAIT counts what its own connection wrote, so a write comes first.
        const transaction = this.#options.jobs.transaction();
        for (const script of ran) transaction.runCommand(script.name, [this.#options.base, ...this.#ledgerEntry(script, batch)]);
        await transaction.exec();
        await this.#replicated();
      }
      return new Set(ran);
    } catch {
      return null;
    }
  }

  #settleFate(batch: Batch, ran: ReadonlySet<Script>, replies: Replies | null): void {
    // One MULTI ran whole or not at all; a script of it that failed is missing in the ledger.
    if (replies && ran.size > 0) return this.#answer(batch, replies);
    if (ran.size === 0) this.#activations.unshift(...batch.activations);
    for (const [script, group] of batch.groups) {
      if (!ran.has(script) || (script.answer === undefined && script.repeatable)) this.#pending.unshift(...group);
      else if (script.answer !== undefined) for (const item of group) item.resolve(script.answer);
      else for (const item of group) item.reject(new UnknownFateError('it ran, but its reply is lost'));
    }
  }

  /** When memory is full, scripts that take new mail are refused; what else was in their transaction goes again, for it frees memory. */
  #rejectFull({ groups, activations }: Batch, refusals: readonly (Error | undefined)[]): boolean {
    if (!refusals.some((refusal) => refusal && classify(refusal) === 'full')) return false;
    this.#fullUntil = this.#options.clock.monotonic() + FULL_FOR;
    for (const [script, group] of groups) {
      if (script.denyOom) for (const item of group) item.reject(new StoreFullError('Redis has no memory for new mail'));
      else this.#pending.unshift(...group);
    }
    this.#activations.unshift(...activations);
    return true;
  }

  #watchPatience(): void {
    if (this.#patience || this.#stopped) return;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      this.#pending = this.#dropImpatient(this.#pending);
      if (this.#closedBecause !== null && this.#pending.length) this.#watchPatience();
    }, 250);
  }

  /** Rejects those whose patience has ended; returns the others. */
  #dropImpatient(items: readonly Item[]): Item[] {
    const now = this.#options.clock.monotonic();
    for (const item of items) if (item.giveUpAt <= now) item.reject(new StoreUnavailableError(this.#closedBecause ?? 'Redis did not answer in time'));
    return items.filter((item) => item.giveUpAt > now);
  }
}
