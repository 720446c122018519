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
  readonly sequence: number;
}

export interface WakeKey {
  readonly role: KeyedRole;
  readonly key: string;
  readonly at: number;
}

const WAKES_PER_JOB = 128;

/** The jobs of a batch: pools' wake-ups of one time travel together, up to 128 in a job; an activation has its own. Delays in milliseconds. */
export function wakeUps(batch: Batch, now: number): { readonly role: ActorRole; readonly data: object; readonly delay: number }[] {
  const wakes = itemsOf(batch).flatMap((item) => item.wakes ?? []);
  const jobs: { role: ActorRole; data: object; delay: number }[] = [];
  for (const same of Map.groupBy(wakes, ({ role, tries, at }) => `${role} ${tries ?? 0} ${Math.max(0, at - now)}`).values()) {
    const { role, tries, at } = same[0] as PoolWake;
    for (let i = 0; i < same.length; i += WAKES_PER_JOB) {
      const entries = same.slice(i, i + WAKES_PER_JOB).map(({ entry }) => entry);
      jobs.push({ role, data: { entries, ...(tries ? { tries } : {}) }, delay: Math.max(0, at - now) });
    }
  }
  for (const { role, key, at } of batch.activations) jobs.push({ role, data: { key }, delay: Math.max(0, at - now) });
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

export function flatten(group: readonly Item[]): Argument[] {
  const flat: Argument[] = [];
  for (const { args } of group) {
    flat.push(args.length);
    for (const arg of args) flat.push(arg);
  }
  return flat;
}
