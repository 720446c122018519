// Consistent views of a mailbox, each from one statement, so that no lock is needed: the whole, and what changed after a modseq.
import { sql } from 'kysely';
import type { SpecialUse } from './account-store.ts';
import type { KeywordSets } from './keyword-sets.ts';
import type { ChangesNow, MessageColumns, Snapshot } from './mailbox-store.ts';
import { type JoinedColumns, joined, joinedMessages, pick, readColumns, readNumbers } from './message-columns.ts';
import { MailboxGoneError } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';
import { gapsBetween, mergedRanges, type UidSet } from './uid-set.ts';

interface MailboxState {
  readonly name: string;
  readonly special_use: string | null;
  readonly uidvalidity: number;
  readonly uidnext: number;
  readonly highestmodseq: number;
  readonly recent_uid: number;
  readonly vanished_floor: number;
}

/** Where the mailbox stands. Throws MailboxGoneError. */
export async function standing({ database }: StoreContext, { account, mailbox }: Place): Promise<MailboxState> {
  const row = await database.reader
    .selectFrom('mailboxes')
    .select(['name', 'special_use', 'uidvalidity', 'uidnext', 'highestmodseq', 'recent_uid', 'vanished_floor'])
    .where('id', '=', mailbox)
    .where('account_id', '=', account)
    .executeTakeFirst();
  return row ?? gone();
}

export async function readSnapshot(context: StoreContext, place: Place, keywords: KeywordSets, claimRecent: boolean): Promise<Snapshot> {
  const { state, messages } = await readWhole(context, place);
  await keywords.load(context.database.reader, messages.flags);
  return {
    ...messages,
    ...{ uidvalidity: state.uidvalidity, uidnext: state.uidnext, highestmodseq: state.highestmodseq, name: state.name },
    specialUse: state.special_use as SpecialUse | null,
    recentFrom: claimRecent ? await claim(context, place, state) : state.recent_uid,
    keywords: keywords.keywordsOf(messages.flags),
  };
}

export async function readChanges(context: StoreContext, place: Place, keywords: KeywordSets, modseq: number, claimRecent: boolean): Promise<ChangesNow> {
  const { state, changed, vanished } = await readSince(context, place, modseq);
  await keywords.load(context.database.reader, changed.flags);
  const recentFrom = claimRecent ? await claim(context, place, state) : state.recent_uid;
  return { name: state.name, highestmodseq: state.highestmodseq, uidnext: state.uidnext, changed, vanished, recentFrom };
}

async function readWhole({ database }: StoreContext, { account, mailbox }: Place): Promise<{ state: MailboxState; messages: MessageColumns }> {
  const { engine, reader } = database;
  const { rows } = await sql<MailboxState & JoinedColumns>`select mailboxes.*, them.* from mailboxes
    cross join (select ${joinedMessages(engine)} from messages where messages.mailbox_id = ${mailbox}) as them
    where mailboxes.id = ${mailbox} and mailboxes.account_id = ${account}`.execute(reader);
  const row = rows[0] ?? gone();
  return { state: row, messages: readColumns(row) };
}

async function readSince(context: StoreContext, place: Place, modseq: number): Promise<{ state: MailboxState; changed: MessageColumns; vanished: UidSet }> {
  const { engine, reader } = context.database;
  const { account, mailbox } = place;
  const { rows } = await sql<
    MailboxState & JoinedColumns & { first_uids: string | null; last_uids: string | null }
  >`select mailboxes.*, them.*, those.* from mailboxes
    cross join (select ${joinedMessages(engine)} from messages where messages.mailbox_id = ${mailbox} and messages.modseq > ${modseq}) as them
    cross join (select ${joined(engine, 'first_uid')} as first_uids, ${joined(engine, 'last_uid')} as last_uids
      from vanished where mailbox_id = ${mailbox} and modseq > ${modseq}) as those
    where mailboxes.id = ${mailbox} and mailboxes.account_id = ${account}`.execute(reader);
  const row = rows[0] ?? gone();
  if (modseq < row.vanished_floor) return await readSinceForgotten(context, place, modseq);
  const last = readNumbers(row.last_uids);
  const ranges = Array.from(readNumbers(row.first_uids), (first, index): [number, number] => [first, last[index] ?? first]);
  return { state: row, changed: readColumns(row), vanished: mergedRanges(ranges) };
}

/** RFC 7162 section 3.2.5.2: what is no longer remembered is all that is not there. */
async function readSinceForgotten(
  context: StoreContext,
  place: Place,
  modseq: number,
): Promise<{ state: MailboxState; changed: MessageColumns; vanished: UidSet }> {
  const { state, messages } = await readWhole(context, place);
  const later = Uint32Array.from(messages.modseqs.keys()).filter((index) => (messages.modseqs[index] ?? 0) > modseq);
  return { state, changed: pick(messages, later), vanished: gapsBetween(messages.uids, state.uidnext - 1) };
}

/** RFC 3501 section 2.3.2: one session alone sees a message as \Recent: the first UID that is so to this one. */
async function claim({ database }: StoreContext, { mailbox }: Place, { recent_uid, uidnext }: MailboxState): Promise<number> {
  for (let expected = recent_uid; expected < uidnext; ) {
    const claimed = await database.db
      .updateTable('mailboxes')
      .set({ recent_uid: uidnext })
      .where('id', '=', mailbox)
      .where('recent_uid', '=', expected)
      .returning('id')
      .executeTakeFirst();
    if (claimed) return expected;
    const now = await database.reader.selectFrom('mailboxes').select('recent_uid').where('id', '=', mailbox).executeTakeFirst();
    expected = now?.recent_uid ?? uidnext;
  }
  return uidnext;
}

function gone(): never {
  throw new MailboxGoneError('the mailbox was deleted');
}
