// COPY and MOVE: rows are copied within the database, content is not; each in one transaction that holds the account's and both mailboxes' rows.
// Refusals are values.
import { sql } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import { lockAccount } from './accounts.ts';
import { hasRoom } from './filing.ts';
import { mailboxName } from './mailbox-names.ts';
import { advance, type LockedMailbox, lockMailboxes, readMessages, recordVanished } from './mailbox-rows.ts';
import type { Copied } from './mailbox-store.ts';
import type { Refusal } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import { type Change, change, type StoreContext } from './store-context.ts';
import { ALL_UIDS, type UidSet } from './uid-set.ts';

export interface Transfer {
  readonly from: Place;
  readonly uids: UidSet;
  /** The name of the mailbox. */
  readonly to: string;
  readonly kind: 'copy' | 'move';
}

export async function transferMessages(context: StoreContext, { from, uids, to, kind }: Transfer): Promise<Copied | Refusal> {
  const { engine } = context.database;
  return await change(context, async (changing) => {
    const { db } = changing;
    const account = await lockAccount(db, engine, from.account);
    const target = await db.selectFrom('mailboxes').select('id').where('account_id', '=', from.account).where('name', '=', mailboxName(to)).executeTakeFirst();
    if (!target) return { kind: 'refused', code: 'TRYCREATE', text: 'there is no mailbox with this name' };
    const [source, goal] = await lockMailboxes(db, engine, from.account, [from.mailbox, target.id]);
    if (!source || !goal) throw new Error('a locked mailbox is missing');
    const found = await readMessages(db, engine, source.id, uids);
    if (kind === 'move') return await moveRows(changing, context, from.account, source, goal, found.uids);
    const size = await sizeOf(changing, context, source.id, found.uids);
    if (!hasRoom(account, context.quota(), size, found.uids.length)) return { kind: 'refused', code: 'OVERQUOTA', text: 'the mailbox is full' };
    return await copyRows(changing, context, from.account, source, goal, found.uids, size);
  });
}

/** Everything in one mailbox into another, within a transaction that holds the account's row. */
export async function moveAll(changing: Change, context: StoreContext, account: number, from: number, to: number): Promise<void> {
  const { engine } = context.database;
  const [source, goal] = await lockMailboxes(changing.db, engine, account, [from, to]);
  if (!source || !goal) throw new Error('a locked mailbox is missing');
  const { uids } = await readMessages(changing.db, engine, from, ALL_UIDS);
  await moveRows(changing, context, account, source, goal, uids);
}

async function sizeOf({ db }: Change, { database }: StoreContext, mailbox: number, uids: Uint32Array): Promise<number> {
  const { size } = await db
    .selectFrom('messages')
    .select(sql<number>`cast(coalesce(sum(size), 0) as bigint)`.as('size'))
    .where('mailbox_id', '=', mailbox)
    .where(isOneOf(database.engine, 'uid', [...uids]))
    .executeTakeFirstOrThrow();
  return size;
}

async function copyRows(
  changing: Change,
  context: StoreContext,
  account: number,
  source: LockedMailbox,
  goal: LockedMailbox,
  uids: Uint32Array,
  size: number,
): Promise<Copied> {
  const { engine } = context.database;
  const { db } = changing;
  if (uids.length > 0) {
    const those = sql<boolean>`messages.mailbox_id = ${source.id} and ${isOneOf(engine, 'messages.uid', [...uids])}`;
    if (engine === 'postgres')
      await sql`select id from contents where id in (select content_id from messages where ${those}) order by id for no key update`.execute(db);
    await sql`update contents set reference_count = reference_count + more.copies
      from (select content_id, count(*) as copies from messages where ${those} group by content_id) as more where contents.id = more.content_id`.execute(db);
    await insertCopies(changing, context, source, goal, uids);
    await advance(db, goal, { uidnext: goal.uidnext + uids.length, highestmodseq: goal.highestmodseq + 1 });
    await sql`update accounts set used_bytes = used_bytes + ${size}, used_messages = used_messages + ${uids.length} where id = ${account}`.execute(db);
    changing.changed(account, goal.id, goal.highestmodseq + 1);
  }
  return copied(goal, uids);
}

async function moveRows(
  changing: Change,
  context: StoreContext,
  account: number,
  source: LockedMailbox,
  goal: LockedMailbox,
  uids: Uint32Array,
): Promise<Copied> {
  const { engine } = context.database;
  const { db } = changing;
  if (uids.length > 0) {
    const now = context.clock.now();
    await insertCopies(changing, context, source, goal, uids);
    const those = sql<boolean>`messages.mailbox_id = ${source.id} and ${isOneOf(engine, 'messages.uid', [...uids])}`;
    await sql`update deliveries set expunged_at = ${now} where mailbox_id = ${source.id}
      and (queue_id, recipient) in (select queue_id, recipient from messages where ${those})`.execute(db);
    await sql`delete from messages where ${those}`.execute(db);
    await recordVanished(db, engine, source.id, source.highestmodseq + 1, uids, now);
    await advance(db, source, { highestmodseq: source.highestmodseq + 1 });
    await advance(db, goal, { uidnext: goal.uidnext + uids.length, highestmodseq: goal.highestmodseq + 1 });
    changing.changed(account, source.id, source.highestmodseq + 1);
    if (goal.id !== source.id) changing.changed(account, goal.id, goal.highestmodseq + 1);
  }
  return copied(goal, uids);
}

async function insertCopies({ db }: Change, { database }: StoreContext, source: LockedMailbox, goal: LockedMailbox, uids: Uint32Array): Promise<void> {
  await sql`insert into messages (mailbox_id, uid, modseq, content_id, own_header, internaldate, size, flag_code, queue_id, recipient)
    select cast(${goal.id} as bigint), ${goal.uidnext - 1} + row_number() over (order by uid), cast(${goal.highestmodseq + 1} as bigint),
      content_id, own_header, internaldate, size, flag_code, queue_id, recipient
    from messages where mailbox_id = ${source.id} and ${isOneOf(database.engine, 'uid', [...uids])}`.execute(db);
}

const copied = (goal: LockedMailbox, from: Uint32Array): Copied => ({
  ...{ kind: 'copied', uidvalidity: goal.uidvalidity, from },
  to: from.map((_, index) => goal.uidnext + index),
});
