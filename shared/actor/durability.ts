// The durability gate: Redis may take mail only while it can keep the promise behind 250. Looked at when a connection
// becomes ready and every 10 s; each refusal is the sentence that mends it.
import type { Redis } from 'ioredis';
import type { RedisConfig } from './redis.ts';

/** `min-replicas-to-write` of an embedded Redis that takes no writes because its disk is full: no server has so many replicas. */
export const DISK_FULL = 1_000_000;

const WANTED: readonly { readonly setting: string; readonly good: (value: string) => boolean; readonly mend: string }[] = [
  { setting: 'appendonly', good: (value) => value === 'yes', mend: 'set `appendonly yes`: without the append-only file a restart loses mail' },
  { setting: 'appendfsync', good: (value) => value === 'always', mend: 'set `appendfsync always`: anything less acknowledges mail before it is on disk' },
  {
    setting: 'no-appendfsync-on-rewrite',
    good: (value) => value === 'no',
    mend: 'set `no-appendfsync-on-rewrite no`: else nothing is synced while the file is rewritten',
  },
  { setting: 'maxmemory-policy', good: (value) => value === 'noeviction', mend: 'set `maxmemory-policy noeviction`: any other policy may evict queued mail' },
  { setting: 'maxmemory', good: (value) => Number(value) > 0, mend: 'set `maxmemory`: without it Redis grows until the kernel kills it' },
];

/** Null when this Redis can promise durability, else the sentences that say what to change. */
export async function durabilityGap(redis: Redis, config: RedisConfig): Promise<string | null> {
  if (config.durability === 'relaxed') return null;
  const role = (await redis.role()) as readonly unknown[];
  if (role[0] !== 'master') return 'this Redis is a replica: connect through Sentinel, or to the master';
  const reply = (await redis.config('GET', 'min-replicas-to-write', ...WANTED.map((w) => w.setting))) as unknown as readonly string[];
  const settings = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) settings.set(reply[i] as string, reply[i + 1] as string);
  if (Number(settings.get('min-replicas-to-write')) >= DISK_FULL) return 'the disk under the embedded Redis is full: free some space, and it goes on by itself';
  const gaps = WANTED.filter((w) => !w.good(settings.get(w.setting) ?? '')).map((w) => w.mend);
  const replicas = Array.isArray(role[2]) ? role[2].length : 0;
  if (replicas < config.replicas) gaps.push(`redis.replicas is ${config.replicas}, but ${replicas} are connected`);
  return gaps.length ? gaps.join('; ') : null;
}
