// Runs a pool actor: BullMQ jobs carry batches of entries, `receive` sees one. Owns retries of what throws; a job itself
// never fails, and one that stalls is redelivered.
import { type Job, Worker } from 'bullmq';
import type { PoolRole } from '#shared/protocol/topology.ts';
import { mailCame } from '#shared/telemetry/every.ts';
import type { Entry, PoolActor, PoolFactory } from './actor.ts';
import { bullPrefix } from './keys.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';
import { describeError, isGivenUp, isPutBack, noteThrow, pauseAfter } from './supervision.ts';
import type { RunningActors } from './system.ts';

/** Jobs of one role in flight per process and shard: each carries up to 128 entries. */
const CONCURRENCY = 8;

/** What all our workers share: a stalled job is found within one and a half leases, and redelivered for ever. */
export function workerOptions(lease: number) {
  return {
    lockDuration: lease,
    stalledInterval: lease / 2,
    maxStalledCount: 1_000_000_000,
    // Seconds for which a worker's blocking read waits: idle, it asks again only to be sure.
    drainDelay: 10,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}

interface WakeData {
  readonly entries: readonly Entry[];
  readonly tries?: number;
}

export async function runPool(runtime: Runtime, role: PoolRole, factory: PoolFactory): Promise<RunningActors> {
  const actor = factory({ role });
  const workers = runtime.shards.map((shard) => poolWorker(runtime, shard, role, actor));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    notReady: () => (workers.every((worker) => worker.isRunning()) ? null : `${role} is not running`),
    drain: async (signal) => {
      const force = new Promise<true>((resolve) => signal.addEventListener('abort', () => resolve(true), { once: true }));
      const closing = Promise.all(workers.map((worker) => worker.close()));
      if (await Promise.race([closing.then(() => false), signal.aborted ? true : force])) await Promise.all(workers.map((worker) => worker.close(true)));
      await actor.stop?.();
    },
  };
}

function poolWorker(runtime: Runtime, shard: Shard, role: PoolRole, actor: PoolActor): Worker {
  const inFlight = runtime.metrics.queueInFlight.labels(role);
  const processed = runtime.metrics.processed.labels(role);
  const stage = runtime.metrics.stageSeconds.labels(role);
  const receive = async (entry: Entry, tries: number, told: number): Promise<void> => {
    inFlight.inc();
    try {
      await actor.receive(entry);
      processed.inc();
      stage.observe((runtime.clock.now() - told) / 1000);
    } catch (error) {
      await tryAgainLater(runtime, shard, role, entry, isPutBack(error) ? tries : tries + 1, error);
    } finally {
      inFlight.dec();
    }
  };
  const work = async (job: Job<WakeData>): Promise<void> => {
    mailCame();
    await Promise.all(job.data.entries.map((entry) => receive(entry, job.data.tries ?? 0, job.timestamp)));
  };
  const worker = new Worker(role, work, {
    ...workerOptions(runtime.lease),
    concurrency: CONCURRENCY,
    prefix: bullPrefix(shard.base),
    connection: runtime.workerConnection() as never,
  });
  worker.on('error', (error) => runtime.log.debug({ role, err: error.message }, 'worker error'));
  return worker;
}

async function tryAgainLater(runtime: Runtime, shard: Shard, role: PoolRole, entry: Entry, tries: number, error: unknown): Promise<void> {
  noteThrow(runtime, role, { role, entry }, tries, error);
  if (isGivenUp(tries)) {
    await shard.submit(scripts.bury, [role, '', entry, JSON.stringify({ error: describeError(error), at: runtime.clock.now() })]);
    return;
  }
  const due = runtime.clock.now() + pauseAfter(tries, error);
  await shard.submit(scripts.postpone, [role, '', entry, due], { wakes: [{ role, entry, at: due, tries }] });
}
