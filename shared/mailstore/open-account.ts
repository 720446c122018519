// Puts an account's session together: AccountStore and MailboxStore over the functions of this folder. Owns only what it learnt of keywords.
import { sql } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import { type AccountStore, type MailboxStatus, type Quota, SYSTEM_FLAGS } from './account-store.ts';
import { findAccount } from './accounts.ts';
import { beginAppend } from './appending.ts';
import { transferMessages } from './copy-messages.ts';
import { expungeMessages } from './expunge-messages.ts';
import { fetchMessages } from './fetch-messages.ts';
import { quotaOf, USAGE } from './filing.ts';
import { createKeywordSets, type KeywordSets } from './keyword-sets.ts';
import type { MailboxStore } from './mailbox-store.ts';
import { createMailbox, deleteMailbox, findMailbox, listing, renameMailbox, subscribe, unsubscribe } from './mailbox-tree.ts';
import { readChanges, readSnapshot } from './mailbox-view.ts';
import { lockMailboxForPop3 } from './pop3-lock.ts';
import { MailboxGoneError } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import { searchMessages, sortMessages, threadRows } from './search-messages.ts';
import type { StoreContext } from './store-context.ts';
import { storeFlags } from './store-flags.ts';

export async function openAccount(context: StoreContext, address: string): Promise<AccountStore | null> {
  const found = await findAccount(context.database.reader, address);
  if (!found) return null;
  const { id } = found;
  const keywords = createKeywordSets(id);
  return {
    id,
    address,
    listing: () => listing(context, id),
    find: (name) => findMailbox(context, id, name),
    create: (name, specialUse) => createMailbox(context, id, name, specialUse),
    delete: (name) => deleteMailbox(context, id, name),
    rename: (from, to) => renameMailbox(context, id, from, to),
    subscribe: (name) => subscribe(context, id, name),
    unsubscribe: (name) => unsubscribe(context, id, name),
    status: (mailboxes) => readStatus(context, id, mailboxes),
    quota: () => readQuota(context, id),
    open: (mailbox) => openMailbox(context, { account: id, mailbox }, keywords),
    append: (name) => beginAppend(context, id, keywords, name),
    flagNames: (code) => keywords.names(code),
  };
}

function openMailbox(context: StoreContext, place: Place, keywords: KeywordSets): MailboxStore {
  return {
    id: place.mailbox,
    snapshot: ({ claimRecent = false } = {}) => readSnapshot(context, place, keywords, claimRecent),
    changesSince: (modseq, { claimRecent = false } = {}) => readChanges(context, place, keywords, modseq, claimRecent),
    messages: (uids, wants = {}) => fetchMessages(context, place, keywords, uids, wants),
    storeFlags: (uids, change, flags, unchangedSince = Number.POSITIVE_INFINITY) =>
      storeFlags(context, place, keywords, { uids, change, flags, unchangedSince }),
    copy: (uids, to) => transferMessages(context, { from: place, uids, to, kind: 'copy' }),
    move: (uids, to) => transferMessages(context, { from: place, uids, to, kind: 'move' }),
    expunge: (uids, only) => expungeMessages(context, place, uids, only),
    search: (criterion) => searchMessages(context, place, criterion),
    sort: (criterion, order) => sortMessages(context, place, criterion, order),
    threadRows: (criterion) => threadRows(context, place, criterion),
    lock: (holder) => lockMailboxForPop3(context, place, holder),
  };
}

async function readStatus({ database }: StoreContext, account: number, mailboxes: readonly number[]): Promise<ReadonlyMap<number, MailboxStatus>> {
  const bit = (flag: keyof typeof SYSTEM_FLAGS) => sql`(messages.flag_code & ${sql.lit(SYSTEM_FLAGS[flag])})`;
  const { rows } = await sql<MailboxStatus & { id: number }>`select mailboxes.id, mailboxes.uidnext, mailboxes.uidvalidity, mailboxes.highestmodseq,
      count(messages.uid) as messages,
      count(case when ${bit('\\Seen')} = 0 then 1 end) as unseen,
      count(case when ${bit('\\Deleted')} <> 0 then 1 end) as deleted,
      count(case when messages.uid >= mailboxes.recent_uid then 1 end) as recent,
      cast(coalesce(sum(messages.size), 0) as bigint) as size
    from mailboxes left join messages on messages.mailbox_id = mailboxes.id
    where mailboxes.account_id = ${account} and ${isOneOf(database.engine, 'mailboxes.id', mailboxes)}
    group by mailboxes.id`.execute(database.reader);
  return new Map(rows.map(({ id, ...status }) => [id, status]));
}

async function readQuota({ database, quota }: StoreContext, account: number): Promise<Quota> {
  const row = await database.reader.selectFrom('accounts').select(USAGE).where('id', '=', account).executeTakeFirst();
  if (!row) throw new MailboxGoneError('the account was removed');
  const { bytes, messages } = quotaOf(row, quota());
  return { usedBytes: row.used_bytes, limitBytes: bytes || null, usedMessages: row.used_messages, limitMessages: messages || null };
}
