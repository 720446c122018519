// One transaction's worth of work: items grouped by script, and the BullMQ jobs that wake whom they concern. Pure.
import type { ActorRole, KeyedRole, PoolRole } from '#shared/protocol/topology.ts';
import type { Entry } from './actor.ts';
import type { Script } from './scripts.ts';

export type Argument = string | number | Buffer;

/** A pool's wake-up: a job naming entries goes with the transaction. */
export interface PoolWake {
  readonly role: PoolRole;
  readonly entry: Entry;
  /** Milliseconds since the epoch; at or before now means at once. */
  readonly at: number;
  readonly tries?: number;
}

export interface SubmitOptions {
  readonly wakes?: readonly PoolWake[];
  /** Milliseconds of patience while Redis is away, then StoreUnavailableError; default without end. */
  readonly patience?: number;
  /** It may wait some milliseconds for company: nobody is held up by it. */
  readonly linger?: boolean;
}

export interface Item extends SubmitOptions {
  readonly script: Script;
  readonly args: readonly Argument[];
  readonly size: number;
  readonly giveUpAt: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export type Replies = readonly [Error | null, unknown][];

/** One transaction. */
export interface Batch {
  readonly groups: Map<Script, Item[]>;
  readonly activations: WakeKey[];
  readonly pools: PoolWake[];
  readonly sequence: number;
}

export interface WakeKey {
  readonly role: KeyedRole;
  readonly key: string;
  readonly at: number;
  /** How many processes have left it to others. */
  readonly declined?: number;
}

/** What a job of a keyed role says. */
export interface ActivationData {
  readonly keys: readonly string[];
  readonly declined?: number;
}

const WAKES_PER_JOB = 128;
/** Keys of one job go to one process together: few enough to be shared, enough that a job costs each little. */
const KEYS_PER_JOB = 32;

/** The jobs of a batch: wake-ups of one time travel together, up to 128 of a pool in a job, up to 32 keys. Delays in milliseconds. */
export function wakeUps(batch: Batch, now: number): { readonly role: ActorRole; readonly data: object; readonly delay: number }[] {
  const jobs: { role: ActorRole; data: object; delay: number }[] = [];
  for (const same of Map.groupBy(batch.pools, ({ role, tries, at }) => `${role} ${tries ?? 0} ${Math.max(0, at - now)}`).values()) {
    const { role, tries, at } = same[0] as PoolWake;
    for (let i = 0; i < same.length; i += WAKES_PER_JOB) {
      const entries = same.slice(i, i + WAKES_PER_JOB).map(({ entry }) => entry);
      jobs.push({ role, data: { entries, ...(tries ? { tries } : {}) }, delay: Math.max(0, at - now) });
    }
  }
  for (const same of Map.groupBy(batch.activations, ({ role, declined, at }) => `${role} ${declined ?? 0} ${Math.max(0, at - now)}`).values()) {
    const { role, declined, at } = same[0] as WakeKey;
    const keys = [...new Set(same.map(({ key }) => key))];
    for (let i = 0; i < keys.length; i += KEYS_PER_JOB) {
      const data: ActivationData = { keys: keys.slice(i, i + KEYS_PER_JOB), ...(declined ? { declined } : {}) };
      jobs.push({ role, data, delay: Math.max(0, at - now) });
    }
  }
  return jobs;
}

export function itemsOf({ groups }: Batch): Item[] {
  return [...groups.values()].flat();
}

export function groupByScript(items: readonly Item[]): Map<Script, Item[]> {
  const groups = new Map<Script, Item[]>();
  for (const item of items) {
    const group = groups.get(item.script);
    if (group) group.push(item);
    else groups.set(item.script, [item]);
  }
  return groups;
}

/** The items as the frame of a script takes them, behind these arguments. */
export function flatten(group: readonly Item[], first: readonly Argument[]): Argument[] {
  const flat = [...first];
  for (const { args } of group) {
    flat.push(args.length);
    for (const arg of args) flat.push(arg);
  }
  return flat;
}
