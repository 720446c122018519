// What the operator does to queued messages: hold, release, delete, flush. Each is a script of the spool, so it may be repeated and
// interrupted anywhere. What can fail: Redis away; then some are changed and some are not, and the same call goes on.
import { scripts } from '#shared/actor/scripts.ts';
import type { Shard } from '#shared/actor/shard.ts';
import { KEYED_ROLES, POOL_ROLES } from '#shared/actor/sweep.ts';
import type { ChangeAnswer } from '#shared/protocol/admin-api.ts';
import { entriesOf, messages, type Place, placesOf, type QueueFilter, type StoredMessage } from '#shared/spool/inspect.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { Operations } from './operations.ts';

/** Changes that are on their way at once: they share commits. */
const TOGETHER = 100;
/** Entries that one call of `hurry` makes due at most (shared/spool/lua/hurry.lua). */
const HURRY_LIMIT = 10_000;

/** Applies `act` to every message that matches; it says whether that changed anything. */
export async function changeAll({ system }: Operations, filter: QueueFilter, act: (message: StoredMessage) => Promise<boolean>): Promise<ChangeAnswer> {
  let matched = 0;
  let changed = 0;
  await inGroups(messages(system, filter), async (some) => {
    const done = await Promise.all(some.map(act));
    matched += some.length;
    changed += done.filter(Boolean).length;
  });
  return { matched, changed };
}

/** Makes what matches due now, and lets closed sites probe at once. Without a filter: everything that waits. */
export async function flush(operations: Operations, filter: QueueFilter): Promise<ChangeAnswer> {
  if (Object.keys(filter).length === 0) return flushEverything(operations);
  let matched = 0;
  let changed = 0;
  await inGroups(messages(operations.system, filter), async (some) => {
    matched += some.length;
    const flushed = new Set<string>();
    for (const place of placesOf(operations.system, some)) for (const id of await flushPlace(operations, place)) flushed.add(id);
    changed += flushed.size;
  });
  return { matched, changed };
}

/** The ids of what waited for its time there. */
async function flushPlace({ system, clock }: Operations, { shard, mailbox, ids }: Place): Promise<readonly string[]> {
  const now = clock.now();
  const due: string[] = [];
  for await (const { entry, score } of entriesOf(system, shard, mailbox, ids)) if (score > now) due.push(entry);
  const pool = POOL_ROLES.find((role) => role === mailbox);
  const tell = (entry: string) => shard.submit(scripts.tell, [mailbox, entry, now, now], { wakes: pool ? [{ role: pool, entry, at: now }] : [] });
  await Promise.all(due.map(tell));
  if (!pool) await shard.submit(spoolScripts.probe, [mailbox, now]);
  return due.map((entry) => entry.slice(0, 25));
}

async function flushEverything({ system, spool }: Operations): Promise<ChangeAnswer> {
  let changed = 0;
  for (const shard of system.shards) {
    for (const mailbox of await mailboxesOf(system.reader, shard)) {
      for (let made = HURRY_LIMIT; made === HURRY_LIMIT; changed += made) made = await spool.operator.hurry(mailbox, shard, '');
    }
  }
  return { matched: changed, changed };
}

async function mailboxesOf(reader: Operations['system']['reader'], { base }: Shard): Promise<readonly string[]> {
  const keyed = await Promise.all(KEYED_ROLES.map(async (role) => (await reader.zrange(`${base}keys:${role}`, '0', '-1')).map((key) => `${role}:${key}`)));
  return [...POOL_ROLES, ...keyed.flat()];
}

async function inGroups<T>(items: AsyncIterable<T>, act: (group: readonly T[]) => Promise<void>): Promise<void> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < TOGETHER) continue;
    await act(group);
    group = [];
  }
  if (group.length > 0) await act(group);
}
