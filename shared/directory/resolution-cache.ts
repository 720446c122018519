// What the cluster knows of domains' hosts: a bounded copy in the process over a shared one in Redis, both gone at the DNS's own time.
// The resolver writes it, the router and remote-delivery read it. What can fail: Redis, which throws.
import type { Resolution, ResolutionReader } from '#shared/protocol/resolution.ts';
import type { Clock } from '#shared/telemetry/clock.ts';

/** The two commands of ioredis (standalone, Sentinel or Cluster) that this needs. */
export interface CacheRedis {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
}

export interface ResolutionCache extends ResolutionReader {
  /** The copy in this process, without asking Redis: null when there is none, or it is some seconds old. */
  peek(domain: string): Resolution | null;
  /** What is known of a domain (lower case, A-labels): null when nothing is, or it is expired. */
  lookup(domain: string): Promise<Resolution | null>;
  /** Keeps a resolution until it expires, for the whole cluster. */
  store(domain: string, resolution: Resolution): Promise<void>;
  /** True when what `peek` or `lookup` just returned has a tenth of its life left at most: it should be resolved anew. */
  isStale(domain: string): boolean;
  /** The same, but true for one caller of several: who gets it sees to it, and the others' mail goes on with what is there. */
  claimRefresh(domain: string): boolean;
}

interface CacheEntry {
  readonly resolution: Resolution;
  /** Until then Redis is not asked. */
  readonly until: number;
  readonly refreshFrom: number;
  claimed: boolean;
}

const CAPACITY = 10_000;
/** How long (ms) a process goes by its own copy: what one learnt all follow soon, or mail could go to and fro between two sites. */
const COPY_LIFE = 5_000;
/** Of an entry's life: in the rest it is resolved anew if somebody still uses it. */
const FRESH_PART = 0.9;
const VERSION = 1;

export function createResolutionCache(redis: CacheRedis, prefix: string, clock: Clock, capacity = CAPACITY): ResolutionCache {
  /** In the order of use, the least recent first. */
  const entries = new Map<string, CacheEntry>();
  const keyOf = (domain: string) => `${prefix}:dns:${domain}`;

  const remember = (domain: string, resolution: Resolution, storedAt: number) => {
    entries.delete(domain);
    const until = Math.min(resolution.expiresAt, clock.now() + COPY_LIFE);
    entries.set(domain, { resolution, until, refreshFrom: storedAt + FRESH_PART * (resolution.expiresAt - storedAt), claimed: false });
    const [oldest] = entries.keys();
    if (entries.size > capacity && oldest !== undefined) entries.delete(oldest);
  };

  const peek = (domain: string) => {
    const entry = entries.get(domain);
    if (!entry) return null;
    entries.delete(domain);
    if (entry.until <= clock.now()) return null;
    entries.set(domain, entry);
    return entry.resolution;
  };

  const lookup = async (domain: string) => {
    const here = peek(domain);
    if (here) return here;
    const shared = parseShared(await redis.get(keyOf(domain)));
    if (!shared || shared.resolution.expiresAt <= clock.now()) return null;
    remember(domain, shared.resolution, shared.storedAt);
    return shared.resolution;
  };

  const store = async (domain: string, resolution: Resolution) => {
    const storedAt = clock.now();
    const life = Math.ceil(resolution.expiresAt - storedAt);
    if (life <= 0) return;
    remember(domain, resolution, storedAt);
    await redis.set(keyOf(domain), JSON.stringify({ version: VERSION, storedAt, resolution }), 'PX', life);
  };

  const isStale = (domain: string) => clock.now() >= (entries.get(domain)?.refreshFrom ?? Number.POSITIVE_INFINITY);
  const claimRefresh = (domain: string) => {
    const entry = entries.get(domain);
    if (!entry || entry.claimed || !isStale(domain)) return false;
    entry.claimed = true;
    return true;
  };
  return { peek, lookup, store, isStale, claimRefresh };
}

/** Null for what another version wrote, or nobody: the resolver writes it anew. */
function parseShared(text: string | null): { readonly resolution: Resolution; readonly storedAt: number } | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as { version?: unknown; storedAt?: unknown; resolution?: Resolution };
    if (value.version !== VERSION || typeof value.storedAt !== 'number' || typeof value.resolution?.expiresAt !== 'number') return null;
    return { resolution: value.resolution, storedAt: value.storedAt };
  } catch {
    return null; // not JSON: as if it were not there
  }
}
