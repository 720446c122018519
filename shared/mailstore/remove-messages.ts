// Takes messages out of a mailbox within a transaction that holds its account's and its own row: their rows, their share of the quota, and their
// contents when these were the last copies. Deliveries are remembered for 7 days from now. Vanished UIDs are the caller's to record.
import { type RawBuilder, sql } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import type { Change, StoreContext } from './store-context.ts';

export interface Place {
  readonly account: number;
  readonly mailbox: number;
}

/** `which`: UIDs that exist, or all. */
export async function removeMessages(change: Change, context: StoreContext, place: Place, which: readonly number[] | 'all'): Promise<void> {
  const { engine } = context.database;
  const { db } = change;
  const those = which === 'all' ? sql<boolean>`messages.mailbox_id = ${place.mailbox}` : oneOf(which);
  function oneOf(uids: readonly number[]): RawBuilder<boolean> {
    return sql`messages.mailbox_id = ${place.mailbox} and ${isOneOf(engine, 'messages.uid', uids)}`;
  }

  const used = await db
    .selectFrom('messages')
    .select([sql<number>`count(*)`.as('messages'), sql<number>`cast(coalesce(sum(size), 0) as bigint)`.as('bytes')])
    .where(those)
    .executeTakeFirstOrThrow();
  if (used.messages === 0) return;
  if (engine === 'postgres')
    await sql`select id from contents where id in (select content_id from messages where ${those}) order by id for no key update`.execute(db);
  const { rows } = await sql<{ id: string; location: string; reference_count: number }>`update contents
    set reference_count = reference_count - lost.copies
    from (select content_id, count(*) as copies from messages where ${those} group by content_id) as lost
    where contents.id = lost.content_id returning contents.id, contents.location, contents.reference_count`.execute(db);
  await sql`update deliveries set expunged_at = ${context.clock.now()} where mailbox_id = ${place.mailbox}
    and (queue_id, recipient) in (select queue_id, recipient from messages where ${those})`.execute(db);
  await sql`delete from messages where ${those}`.execute(db);
  const last = rows.filter(({ reference_count }) => reference_count <= 0);
  if (last.length > 0) {
    const ids = last.map(({ id }) => id);
    await db
      .deleteFrom('contents')
      .where(isOneOf(engine, 'id', ids))
      .execute();
    change.freed(last.map(({ location }) => location));
  }
  await sql`update accounts set used_bytes = used_bytes - ${used.bytes}, used_messages = used_messages - ${used.messages}
    where id = ${place.account}`.execute(db);
}
