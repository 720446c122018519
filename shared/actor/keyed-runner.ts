// Runs keyed actors: BullMQ carries activation, lease and delay; the mailbox is ours. Owns the leases of this process:
// they are renewed here, with a deadline on the monotonic clock, so a paused process knows when it has lost them.
import { type Job, Worker } from 'bullmq';
import type { KeyedRole } from '#shared/protocol/topology.ts';
import { Activation, type JobLock } from './activation.ts';
import type { KeyedFactory } from './actor.ts';
import { bullKey, bullPrefix } from './keys.ts';
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
/** A process may leave an activation to others this often (each costs DECLINE_DELAY ms), then it takes it. */
const MAX_DECLINES = 4;
const DECLINE_DELAY = 10;
/** A key that could not be started now is looked at again after this (ms). */
const AGAIN = 1000;
/** Share of the lease after which it is renewed. */
const RENEW_AFTER = 0.3;

export async function runKeyed(runtime: Runtime, role: KeyedRole, factory: KeyedFactory): Promise<RunningActors> {
  // Known before it takes anything, or the first process to look takes all.
  await Promise.all(runtime.shards.map((shard) => beat(runtime, shard, role, '0')));
  const runs = runtime.shards.map((shard) => keyedWorker(runtime, shard, role, factory));
  const workers = runs.flatMap((run) => run.workers);
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    notReady: () => (workers.every((worker) => worker.isRunning()) ? null : `${role} is not running`),
    drain: async (signal) => {
      const active = runs.flatMap((run) => [...run.active]);
      for (const activation of active) activation.drain();
      signal.addEventListener(
        'abort',
        () => {
          for (const activation of active) activation.abort('stopping');
        },
        { once: true },
      );
      await Promise.all(workers.map((worker) => worker.close()));
      for (const { renewing } of runs) clearInterval(renewing);
      await Promise.all(runtime.shards.map((shard) => beat(runtime, shard, role, '')));
    },
  };
}

function keyedWorker(runtime: Runtime, shard: Shard, role: KeyedRole, factory: KeyedFactory) {
  const active = new Set<Activation>();
  const gauge = runtime.metrics.activations.labels(role);
  const later = (key: string, delay: number, declined = 0) => shard.wake({ role, key, at: runtime.clock.now() + delay, declined });
  /** One key of a job. Its failure is its own: the job's other keys live on the same lease. */
  const play = async (key: string, lock: JobLock, declined: number, coming: number): Promise<void> => {
    if (active.size >= CONCURRENCY) return later(key, AGAIN);
    const activation = await Activation.start(runtime, shard, role, key, lock, factory, declined < MAX_DECLINES, coming);
    if (activation === 'declined') return later(key, DECLINE_DELAY, declined + 1);
    if (!activation) return;
    active.add(activation);
    gauge.inc();
    try {
      await activation.run();
    } finally {
      active.delete(activation);
      gauge.dec();
    }
  };
  const work = async ({ id, data }: Job<ActivationData>, token?: string): Promise<void> => {
    const lock = { id: id ?? '', token: token ?? '', prefix: bullKey(shard.base, role, '') };
    const failed = (key: string) => (error: Error) => {
      runtime.log.error({ mailbox: `${role}:${key}`, err: error }, 'activation failed');
      later(key, AGAIN);
    };
    await Promise.all(data.keys.map((key, i) => play(key, lock, data.declined ?? 0, data.keys.length - i).catch(failed(key))));
  };
  const fetchers = Math.max(1, Math.floor(FETCHERS / runtime.shards.length));
  const workers = Array.from({ length: fetchers }, (_, i) => {
    const worker = new Worker(role, work, {
      ...workerOptions(runtime.lease),
      concurrency: CONCURRENCY / fetchers,
      skipLockRenewal: true,
      skipStalledCheck: i > 0,
      prefix: bullPrefix(shard.base),
      connection: runtime.workerConnection() as never,
    });
    worker.on('error', (error) => runtime.log.debug({ role, err: error.message }, 'worker error'));
    return worker;
  });
  const renewing = setInterval(() => {
    for (const activation of active) void renew(runtime, shard, activation);
    void beat(runtime, shard, role, String(active.size));
  }, runtime.lease * RENEW_AFTER);
  return { workers, active, renewing };
}

/** Extends one lease; many of a process travel in one transaction. */
async function renew(runtime: Runtime, shard: Shard, activation: Activation): Promise<void> {
  const asked = runtime.clock.monotonic();
  try {
    const { mailbox, epoch, lock } = activation;
    const held = await shard.submit(scripts.renew, [mailbox, String(epoch), lock.key, lock.token, runtime.lease], { patience: runtime.lease });
    if (held === 1) activation.extend(asked + runtime.lease);
    else activation.abort('lease lost');
  } catch (error) {
    runtime.log.warn({ mailbox: activation.mailbox, err: (error as Error).message }, 'lease not renewed');
  }
}

/** Says that this process plays the role, and with how many activations; '' that it does no more. */
async function beat(runtime: Runtime, shard: Shard, role: KeyedRole, activations: string): Promise<void> {
  const args = [role, runtime.processId, activations, runtime.clock.now(), runtime.lease];
  await shard
    .submit(scripts.heartbeat, args, { patience: runtime.lease })
    .catch((error: Error) => runtime.log.debug({ role, err: error.message }, 'no heartbeat'));
}
