// Accounts of the mail store: their rows and the mailboxes that everybody starts with. Creating twice is harmless.
import type { Kysely } from 'kysely';
import { INBOX } from './filing.ts';
import type { MailstoreTables } from './schema.ts';

/** Name and special use (RFC 6154 section 2) of what a new account has, all subscribed. */
const FIRST_MAILBOXES: readonly (readonly [string, string | null])[] = [
  [INBOX, null],
  ['Sent', '\\Sent'],
  ['Drafts', '\\Drafts'],
  ['Junk', '\\Junk'],
  ['Trash', '\\Trash'],
];

/** Makes the account and its first mailboxes unless it is there. `now` in milliseconds since the epoch. */
export async function ensureAccount(db: Kysely<MailstoreTables>, address: string, now: number): Promise<void> {
  if (await hasAccount(db, address)) return;
  await db.transaction().execute(async (transaction) => {
    const made = await transaction
      .insertInto('accounts')
      .values({ address, created_at: now, used_bytes: 0, used_messages: 0 })
      .onConflict((conflict) => conflict.column('address').doNothing())
      .returning('id')
      .executeTakeFirst();
    if (!made) return; // another process was first, and made the mailboxes in the same transaction
    const uidvalidity = Math.max(1, Math.floor(now / 1000));
    const rows = FIRST_MAILBOXES.map(([name, special_use]) => ({
      account_id: made.id,
      name,
      special_use,
      uidvalidity,
      uidnext: 1,
      highestmodseq: 1,
      subscribed: 1,
    }));
    await transaction.insertInto('mailboxes').values(rows).execute();
  });
}

export async function hasAccount(db: Kysely<MailstoreTables>, address: string): Promise<boolean> {
  return (await db.selectFrom('accounts').select('id').where('address', '=', address).executeTakeFirst()) !== undefined;
}
