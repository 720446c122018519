// Runs keyed actors: BullMQ carries activation, lease and delay; the mailbox is ours. Owns the leases of this process:
// they are renewed here, with a deadline on the monotonic clock, so a paused process knows when it has lost them; what is over its
// share of them it gives back.
import { type Job, Worker } from 'bullmq';
import type { KeyedRole } from '#shared/protocol/topology.ts';
import { every, mailCame } from '#shared/telemetry/every.ts';
import { Activation } from './activation.ts';
import type { KeyedFactory } from './actor.ts';
import { StoreUnavailableError } from './errors.ts';
import { countersOf, type KeyedRoleParts } from './keyed-role.ts';
import { bullKey, bullPrefix } from './keys.ts';
import type { JobLock } from './lease.ts';
import { workerOptions } from './pool-runner.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';
import type { RunningActors } from './system.ts';
import type { ActivationData } from './transaction-batch.ts';

/** Activations per process and shard. A waiting site holds one, so there are many; sockets and memory are the bound. */
const CONCURRENCY = 5000;
/** A worker fetches its jobs one after the other, each with a round trip and an fsync: several share a burst of activations. */
const FETCHERS = 2;
/** A process that has its share leaves an activation to others, until it has come back this often (each costs DECLINE_DELAY ms). */
const MAX_DECLINES = 6;
const DECLINE_DELAY = 10;
/** Activations given back in one beat at most: each costs its key a pause and us a start. */
const GIVEN_BACK = 16;
/** A key that could not be started now is looked at again after this (ms). */
const AGAIN = 1000;
/** Share of the lease after which it is renewed, and after which a process says that it plays the role: with activations, and without. */
const RENEW_AFTER = 0.3;
const BEAT_AFTER = 0.05;
const BEAT_AT_REST = 0.5;

export async function runKeyed(runtime: Runtime, role: KeyedRole, factory: KeyedFactory): Promise<RunningActors> {
  const runs = runtime.shards.map((shard) => new KeyedRun(runtime, shard, role, factory));
  // Known before it takes anything, or the first process to look takes all.
  await Promise.all(runs.map((run) => run.beat()));
  const workers = runs.flatMap((run) => run.start());
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    notReady: () => (workers.every((worker) => worker.isRunning()) ? null : `${role} is not running`),
    drain: async (signal) => {
      for (const run of runs) run.drain(signal);
      await Promise.all(workers.map((worker) => worker.close()));
      for (const run of runs) run.end();
    },
  };
}

/** A keyed role on one shard. */
class KeyedRun {
  readonly #runtime: Runtime;
  readonly #shard: Shard;
  readonly #role: KeyedRole;
  readonly #parts: KeyedRoleParts;
  readonly #active = new Set<Activation>();
  #endBeats = () => {};
  /** What is done only while there are activations. */
  #upkeep: readonly (() => void)[] = [];
  #draining = false;

  constructor(runtime: Runtime, shard: Shard, role: KeyedRole, factory: KeyedFactory) {
    this.#runtime = runtime;
    this.#shard = shard;
    this.#role = role;
    this.#parts = { runtime, shard, role, factory, counters: countersOf(runtime.metrics, role) };
  }

  start(): Worker[] {
    const { lease, shards } = this.#runtime;
    this.#endBeats = every(lease * BEAT_AT_REST, () => {
      if (this.#active.size === 0) void this.beat();
    });
    const fetchers = Math.max(1, Math.floor(FETCHERS / shards.length));
    return Array.from({ length: fetchers }, (_, i) => this.#worker(CONCURRENCY / fetchers, i === 0));
  }

  /** Others may have its keys from now on; it ends when what is in `receive` is done, or at once when `signal` aborts. */
  drain(signal: AbortSignal): void {
    void this.beat('');
    this.#draining = true;
    for (const activation of this.#active) activation.drain();
    const abort = () => {
      for (const activation of this.#active) activation.abort('stopping');
    };
    signal.addEventListener('abort', abort, { once: true });
  }

  end(): void {
    this.#endBeats();
    this.#endUpkeep();
  }

  /** Says that this process plays the role, for so long or ('') no more; resolves with how many activations it has over its share. */
  async beat(lasts: number | '' = this.#runtime.lease): Promise<number> {
    if (this.#draining) return 0;
    const { processId, clock, lease, log } = this.#runtime;
    try {
      return (await this.#shard.submit(scripts.heartbeat, [this.#role, processId, lasts, clock.now()], { patience: lease })) as number;
    } catch (error) {
      log.debug({ role: this.#role, err: (error as Error).message }, 'no heartbeat');
      return 0;
    }
  }

  #worker(concurrency: number, looksForStalled: boolean): Worker {
    const worker = new Worker(this.#role, (job: Job<ActivationData>, token) => this.#work(job, token), {
      ...workerOptions(this.#runtime.lease),
      concurrency,
      skipLockRenewal: true,
      skipStalledCheck: !looksForStalled,
      prefix: bullPrefix(this.#shard.base),
      connection: this.#runtime.workerConnection() as never,
    });
    worker.on('error', (error) => this.#runtime.log.debug({ role: this.#role, err: error.message }, 'worker error'));
    return worker;
  }

  async #work({ id, data }: Job<ActivationData>, token?: string): Promise<void> {
    mailCame();
    const lock = { id: id ?? '', token: token ?? '', prefix: bullKey(this.#shard.base, this.#role, '') };
    await Promise.all(data.keys.map((key) => this.#play(key, lock, data.declined ?? 0).catch((error: Error) => this.#failed(key, lock, error))));
  }

  async #failed(key: string, lock: JobLock, error: Error): Promise<void> {
    this.#runtime.log.error({ mailbox: `${this.#role}:${key}`, err: error }, 'activation failed');
    if (this.#draining || !(error instanceof StoreUnavailableError)) return this.#later(key, AGAIN);
    // It may be ours without our knowing, and then it is to no other job, as long as this one lives.
    await new Promise((again) => setTimeout(again, AGAIN));
    await this.#play(key, lock, MAX_DECLINES).catch((failure: Error) => this.#failed(key, lock, failure));
  }

  /** One key of a job. Its failure is its own: the job's other keys live on the same lease. */
  async #play(key: string, lock: JobLock, declined: number): Promise<void> {
    if (this.#draining) return this.#later(key, DECLINE_DELAY, declined);
    if (this.#active.size >= CONCURRENCY) return this.#later(key, AGAIN);
    const activation = await Activation.start(this.#parts, key, lock, declined < MAX_DECLINES);
    if (activation === 'declined') return this.#later(key, DECLINE_DELAY, declined + 1);
    if (!activation) return;
    if (this.#draining) activation.drain();
    const gauge = this.#parts.counters.activations;
    this.#active.add(activation);
    if (this.#upkeep.length === 0) this.#beginUpkeep();
    gauge.inc();
    return activation.run().finally(() => {
      this.#active.delete(activation);
      gauge.dec();
    });
  }

  #beginUpkeep(): void {
    const { lease } = this.#runtime;
    const renew = () => {
      for (const sharing of Map.groupBy(this.#active, ({ lease }) => lease.lock.token).values()) void this.#renew(sharing);
    };
    const balance = async () => {
      if (this.#active.size === 0) return this.#endUpkeep();
      this.#giveBack(await this.beat());
    };
    this.#upkeep = [every(lease * RENEW_AFTER, renew), every(lease * BEAT_AFTER, () => void balance())];
  }

  #endUpkeep(): void {
    for (const end of this.#upkeep) end();
    this.#upkeep = [];
  }

  #later(key: string, delay: number, declined = 0): void {
    this.#shard.wake({ role: this.#role, key, at: this.#runtime.clock.now() + delay, declined });
  }

  /** Extends the lease of activations that one job carries; many leases of a process travel in one transaction. */
  async #renew(sharing: readonly Activation[]): Promise<void> {
    const { clock, lease: length, log } = this.#runtime;
    const [{ lease }] = sharing as [Activation];
    const asked = clock.monotonic();
    try {
      const each = sharing.flatMap(({ mailbox, epoch }) => [mailbox, String(epoch)]);
      const held = (await this.#shard.submit(scripts.renew, [lease.lock.key, lease.lock.token, length, ...each], { patience: length })) as number[];
      sharing.forEach((activation, i) => {
        if (held[i] === 1) activation.lease.extend(asked + length);
        else if (!activation.released) activation.abort('lease lost');
      });
    } catch (error) {
      log.warn({ mailboxes: sharing.map(({ mailbox }) => mailbox), err: (error as Error).message }, 'leases not renewed');
    }
  }

  /** Ends the oldest activations of what is over the share; others will start them. Those that end already count. */
  #giveBack(excess: number): void {
    if (excess === 0) return;
    const staying = [...this.#active].filter(({ draining }) => !draining);
    const ending = this.#active.size - staying.length;
    for (const activation of staying.slice(0, Math.min(GIVEN_BACK, Math.max(0, excess - ending)))) activation.drain();
  }
}
