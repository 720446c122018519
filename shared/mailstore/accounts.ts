// Accounts of the mail store: their rows, the mailboxes that everybody starts with, and what they use. Creating twice is harmless.
import type { Kysely, Transaction } from 'kysely';
import type { Engine } from '#shared/sql/database.ts';
import type { SpecialUse } from './account-store.ts';
import { hasRoom, type LockedAccount, quotaOf, USAGE } from './filing.ts';
import { INBOX } from './mailbox-names.ts';
import { MailboxGoneError } from './refusal.ts';
import { removeMessages } from './remove-messages.ts';
import type { MailstoreTables } from './schema.ts';
import { change, type StoreContext } from './store-context.ts';

/** Name and special use (RFC 6154 section 2) of what a new account has, all subscribed. */
const FIRST_MAILBOXES: readonly (readonly [string, SpecialUse | null])[] = [
  [INBOX, null],
  ['Sent', '\\Sent'],
  ['Drafts', '\\Drafts'],
  ['Junk', '\\Junk'],
  ['Trash', '\\Trash'],
];
/** Accounts read at once when all are listed. */
const PAGE = 1000;

/** Makes the accounts and their first mailboxes, but for those that are there, in one transaction. `now` in milliseconds since the epoch. */
export async function createAccounts(db: Kysely<MailstoreTables>, addresses: readonly string[], now: number): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // In one order, or two processes could wait for each other's.
    for (const address of [...new Set(addresses)].sort()) await createAccount(transaction, address, now);
  });
}

async function createAccount(db: Transaction<MailstoreTables>, address: string, now: number): Promise<void> {
  const first = firstUidvalidity(now);
  const made = await db
    .insertInto('accounts')
    .values({ address, created_at: now, used_bytes: 0, used_messages: 0, last_uidvalidity: first + FIRST_MAILBOXES.length - 1 })
    .onConflict((conflict) => conflict.column('address').doNothing())
    .returning('id')
    .executeTakeFirst();
  if (!made) return; // another process was first, and made the mailboxes in the same transaction
  const rows = FIRST_MAILBOXES.map(([name, special_use], index) => ({ account_id: made.id, name, special_use, ...newMailbox(first + index) }));
  await db.insertInto('mailboxes').values(rows).execute();
  await db
    .insertInto('subscriptions')
    .values(FIRST_MAILBOXES.map(([name]) => ({ account_id: made.id, name })))
    .execute();
}

/** RFC 9051 section 2.3.1.1: seconds since the epoch serve, in 32 bits. */
export const firstUidvalidity = (now: number): number => Math.max(1, Math.floor(now / 1000));

export const newMailbox = (uidvalidity: number) => ({ uidvalidity, uidnext: 1, highestmodseq: 1 });

export async function hasAccount(db: Kysely<MailstoreTables>, address: string): Promise<boolean> {
  return (await findAccount(db, address)) !== undefined;
}

export async function findAccount(db: Kysely<MailstoreTables>, address: string): Promise<{ id: number } | undefined> {
  return await db.selectFrom('accounts').select('id').where('address', '=', address).executeTakeFirst();
}

/** Locked until the transaction ends. Always before any of its mailboxes. */
export async function lockAccount(
  db: Transaction<MailstoreTables>,
  engine: Engine,
  id: number,
): Promise<LockedAccount & { readonly last_uidvalidity: number }> {
  const query = db
    .selectFrom('accounts')
    .select(['id', 'address', ...USAGE, 'last_uidvalidity'])
    .where('id', '=', id);
  const row = await (engine === 'postgres' ? query.forNoKeyUpdate() : query).executeTakeFirst();
  if (!row) throw new MailboxGoneError('the account was removed');
  return row;
}

export async function roomOf({ database, quota }: StoreContext, address: string): Promise<number> {
  const row = await database.reader.selectFrom('accounts').select(USAGE).where('address', '=', address).executeTakeFirst();
  if (row === undefined) return Number.POSITIVE_INFINITY;
  const { bytes } = quotaOf(row, quota());
  if (!hasRoom(row, quota(), 0)) return 0;
  return bytes > 0 ? bytes - row.used_bytes : Number.POSITIVE_INFINITY;
}

export async function* listAccounts(db: Kysely<MailstoreTables>): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const rows = await db.selectFrom('accounts').select('address').where('address', '>', after).orderBy('address').limit(PAGE).execute();
    for (const { address } of rows) yield address;
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.address ?? '';
  }
}

export async function removeAccount(context: StoreContext, address: string): Promise<boolean> {
  const { engine } = context.database;
  return await change(context, async (changing) => {
    const { db } = changing;
    const found = await findAccount(db, address);
    if (!found) return false;
    await lockAccount(db, engine, found.id);
    const mailboxes = await db.selectFrom('mailboxes').select('id').where('account_id', '=', found.id).orderBy('id').execute();
    for (const { id } of mailboxes) {
      await removeMessages(changing, context, { account: found.id, mailbox: id }, 'all');
      await db.deleteFrom('vanished').where('mailbox_id', '=', id).execute();
      changing.gone(found.id, id);
    }
    for (const table of ['mailboxes', 'subscriptions', 'keyword_sets'] as const) await db.deleteFrom(table).where('account_id', '=', found.id).execute();
    await db.deleteFrom('accounts').where('id', '=', found.id).execute();
    changing.mailboxesChanged(found.id);
    return true;
  });
}
