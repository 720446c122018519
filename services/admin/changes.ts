// What the operator does to queued messages: hold, release, delete, flush. Each is a script of the spool, so it may be repeated and
// interrupted anywhere. What can fail: Redis away; then some are changed and some are not, and the same call goes on.
import { scripts } from '#shared/actor/scripts.ts';
import type { Shard } from '#shared/actor/shard.ts';
import { KEYED_ROLES, POOL_ROLES } from '#shared/actor/sweep.ts';
import type { ChangeAnswer, Unchanged } from '#shared/protocol/admin-api.ts';
import { entriesOf, messages, type Place, placesOf, type QueueFilter, type StoredMessage } from '#shared/spool/inspect.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { Operations } from './operations.ts';

/** Changes that are on their way at once: they share commits. */
const TOGETHER = 100;
/** True, or why nothing had to be done, or could be. */
type Done = true | Unchanged;

/** Applies `act` to every message that matches. */
export async function changeAll({ system }: Operations, filter: QueueFilter, act: (message: StoredMessage) => Promise<Done>): Promise<ChangeAnswer> {
  const all: Done[] = [];
  await inGroups(messages(system, filter), async (some) => void all.push(...(await Promise.all(some.map(act)))));
  return answerOf(all);
}

function answerOf(all: readonly Done[]): ChangeAnswer {
  const unchanged: Partial<Record<Unchanged, number>> = {};
  for (const done of all) if (done !== true) unchanged[done] = (unchanged[done] ?? 0) + 1;
  const changed = all.filter((done) => done === true).length;
  return { matched: all.length, changed, ...(changed < all.length && { unchanged }) };
}

/** Makes what matches due now, and lets closed sites probe at once. What is held stays held. Without a filter: everything that waits. */
export async function flush(operations: Operations, filter: QueueFilter): Promise<ChangeAnswer> {
  if (Object.keys(filter).length === 0) return flushEverything(operations);
  const all: Done[] = [];
  await inGroups(messages(operations.system, filter), async (some) => {
    const done = new Map<string, Done>(some.map(({ id, held }) => [id, held ? 'held' : 'lost']));
    const free = some.filter(({ held }) => !held);
    for (const place of placesOf(operations.system, free)) {
      for (const [id, flushed] of await flushPlace(operations, place)) if (done.get(id) !== true) done.set(id, flushed);
    }
    all.push(...done.values());
  });
  return answerOf(all);
}

/** What was done for the messages that wait there: those that came due, or only waited for the site, are changed. */
async function flushPlace({ system, clock }: Operations, { shard, mailbox, ids }: Place): Promise<ReadonlyMap<string, Done>> {
  const now = clock.now();
  const [due, later]: [string[], string[]] = [[], []];
  for await (const { entry, score } of entriesOf(system, shard, mailbox, ids)) (score > now ? later : due).push(entry);
  const pool = POOL_ROLES.find((role) => role === mailbox);
  const tell = (entry: string) => shard.submit(scripts.tell, [mailbox, entry, now, now], { wakes: pool ? [{ role: pool, entry, at: now }] : [] });
  await Promise.all(later.map(tell));
  const opened = !pool && (await shard.submit(spoolScripts.probe, [mailbox, now])) === 1;
  return new Map<string, Done>([...due.map((entry) => [entry, opened || 'due'] as const), ...later.map((entry) => [entry, true] as const)].map(byId));
}

function byId([entry, done]: readonly [string, Done]): [string, Done] {
  return [entry.slice(0, 25), done];
}

async function flushEverything({ system, spool }: Operations): Promise<ChangeAnswer> {
  let [changed, held] = [0, 0];
  for (const shard of system.shards) {
    for (const mailbox of await mailboxesOf(system.reader, shard)) {
      const here = await spool.operator.hurry(mailbox, shard);
      changed += here.changed;
      held += here.held;
    }
  }
  return { matched: changed + held, changed, ...(held > 0 && { unchanged: { held } }) };
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
