// The sweep: finds wake-ups that were lost (a process died between a commit and its job, Redis lost its volatile half) and
// makes them again. Reads only what is late, so its cost follows what is late, not what is stored. One process at a time.

import type { Redis } from 'ioredis';
import type { KeyedRole, PoolRole } from '#shared/protocol/topology.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import type { Entry } from './actor.ts';
import { bullKey } from './keys.ts';
import type { Runtime } from './runtime.ts';
import { scripts } from './scripts.ts';
import type { Shard } from './shard.ts';

export const POOL_ROLES = ['router', 'local-mailbox', 'bounce'] as const satisfies readonly PoolRole[];
export const KEYED_ROLES = ['resolver', 'remote-delivery'] as const satisfies readonly KeyedRole[];

/** A key's wake-up is lost when it is this late (ms). */
const KEY_GRACE = 3000;
/** A pool's entry is looked at again when it is this late (ms) and no job waits. */
const POOL_GRACE = 10_000;
const EVERY = 2_000;
const LIMIT = 128;

/** Sweeps until stopped. */
export function startSweep(runtime: Runtime, lockClient: (shard: Shard) => Redis): () => void {
  return everyWhileBusy(EVERY, async () => {
    const found = await Promise.all(
      runtime.shards.map((shard) =>
        sweepShard(runtime, shard, lockClient).catch((error: Error) => {
          runtime.log.debug({ err: error.message }, 'sweep failed');
          return 0;
        }),
      ),
    );
    return found.some((lost) => lost > 0);
  });
}

async function sweepShard(runtime: Runtime, shard: Shard, lockClient: (shard: Shard) => Redis): Promise<number> {
  if (shard.closedBecause() !== null) return 0;
  if ((await lockClient(shard).set(`${shard.base}sweeper`, runtime.processId, 'PX', EVERY - 200, 'NX')) !== 'OK') return 0;
  return await sweepOnce(runtime, shard);
}

/** One pass over one shard; returns how many lost wake-ups it made again. */
export async function sweepOnce(runtime: Runtime, shard: Shard, graces = { key: KEY_GRACE, pool: POOL_GRACE }): Promise<number> {
  const keys = KEYED_ROLES.map((role) =>
    shard.submit(scripts.sweepKeys, [role, bullKey(shard.base, role, ''), runtime.clock.now(), graces.key, LIMIT], { patience: EVERY }),
  );
  const pools = POOL_ROLES.map((role) => sweepPool(runtime, shard, role, graces.pool));
  // All at once: what fails while another is awaited would be nobody's.
  const lost = (await Promise.all([...keys, ...pools])) as unknown[][];
  [...KEYED_ROLES, ...POOL_ROLES].forEach((role, i) => {
    const count = lost[i]?.length ?? 0;
    if (!count) return;
    runtime.metrics.sweptTotal.inc({ role }, count);
    runtime.log.warn({ role, count }, 'lost wake-ups found');
  });
  return lost.reduce((sum, list) => sum + list.length, 0);
}

async function sweepPool(runtime: Runtime, shard: Shard, role: PoolRole, grace: number): Promise<Entry[]> {
  const now = runtime.clock.now();
  const lost = (await shard.submit(scripts.sweepPool, [role, bullKey(shard.base, role, 'wait'), now, grace, LIMIT], { patience: EVERY })) as Entry[];
  if (lost.length)
    await Promise.all(lost.map((entry) => shard.submit(scripts.tell, [role, entry, now, now], { wakes: [{ role, entry, at: now }], patience: EVERY })));
  return lost;
}
