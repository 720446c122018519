// Rows of mailboxes and messages as changes need them: locked in id order, chosen by UID set, and the modseq that a change gives.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { field, insertRows, isOneOf, rowsFrom } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import type { MessageColumns } from './mailbox-store.ts';
import { type JoinedColumns, joinedMessages, readColumns } from './message-columns.ts';
import { MailboxGoneError } from './refusal.ts';
import type { MailstoreTables } from './schema.ts';
import { rangesOf, type UidSet } from './uid-set.ts';

type Db = Transaction<MailstoreTables>;

export interface LockedMailbox {
  readonly id: number;
  readonly uidvalidity: number;
  readonly uidnext: number;
  readonly highestmodseq: number;
}

/** Locked until the transaction ends, in id order: after the account, before contents. Throws MailboxGoneError when one is not there. */
export async function lockMailboxes(db: Db, engine: Engine, account: number, ids: readonly number[]): Promise<readonly LockedMailbox[]> {
  const query = db
    .selectFrom('mailboxes')
    .select(['id', 'uidvalidity', 'uidnext', 'highestmodseq'])
    .where('account_id', '=', account)
    .where(isOneOf(engine, 'id', ids))
    .orderBy('id');
  const rows = new Map((await (engine === 'postgres' ? query.forNoKeyUpdate() : query).execute()).map((row) => [row.id, row]));
  return ids.map((id) => {
    const row = rows.get(id);
    if (!row) throw new MailboxGoneError('the mailbox was deleted');
    return row;
  });
}

export async function lockMailbox(db: Db, engine: Engine, account: number, id: number): Promise<LockedMailbox> {
  const [row] = await lockMailboxes(db, engine, account, [id]);
  if (!row) throw new MailboxGoneError('the mailbox was deleted');
  return row;
}

/** The messages of a UID set, as a table expression in which only `messages` is to be used. */
export function messagesAmong(engine: Engine, mailbox: number, uids: UidSet): RawBuilder<unknown> {
  const [range, ...more] = uids;
  if (!range) return sql`messages where 1 = 0`;
  if (more.length === 0) return sql`messages where messages.mailbox_id = ${mailbox} and messages.uid between ${range[0]} and ${range[1]}`;
  const rows = uids.map(([first, last]) => ({ first, last }));
  // SQLite reads a cross join from the left: the ranges, and for each its messages by key.
  return sql`${rowsFrom(engine, rows)} cross join messages where messages.mailbox_id = ${mailbox}
    and messages.uid between ${field('first', 'bigint')} and ${field('last', 'bigint')}`;
}

/** Those that exist. */
export async function readMessages(
  db: Kysely<MailstoreTables>,
  engine: Engine,
  mailbox: number,
  uids: UidSet,
  where: RawBuilder<unknown> = sql`1 = 1`,
): Promise<MessageColumns> {
  const { rows } = await sql<JoinedColumns>`select ${joinedMessages(engine)} from ${messagesAmong(engine, mailbox, uids)} and ${where}`.execute(db);
  return readColumns(rows[0] ?? { uids: null, modseqs: null, flags: null });
}

/** Where the mailbox stands after a change. */
export async function advance(db: Db, mailbox: LockedMailbox, to: { readonly uidnext?: number; readonly highestmodseq: number }): Promise<void> {
  await db.updateTable('mailboxes').set(to).where('id', '=', mailbox.id).execute();
}

/** RFC 7162 section 3.2: remembers that these went. */
export async function recordVanished(db: Db, engine: Engine, mailbox: number, modseq: number, uids: Iterable<number>, now: number): Promise<void> {
  const rows = rangesOf(uids).map(([first_uid, last_uid]) => ({ mailbox_id: mailbox, modseq, first_uid, last_uid, vanished_at: now }));
  const columns = { mailbox_id: 'bigint', modseq: 'bigint', first_uid: 'bigint', last_uid: 'bigint', vanished_at: 'bigint' } as const;
  await insertRows(db, engine, 'vanished', columns, rows);
}
