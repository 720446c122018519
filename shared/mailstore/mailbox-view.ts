// What sessions see of a mailbox: the whole, and what changed after a modseq, with keywords and \Recent.
import { isDiskFull } from '#shared/sql/database.ts';
import type { SpecialUse } from './account-store.ts';
import type { KeywordSets } from './keyword-sets.ts';
import { gone, type MailboxState, readSince, readStored, readWhole, type Whole } from './mailbox-queries.ts';
import type { ChangesNow, Snapshot } from './mailbox-store.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';

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
  const { state, messages } = await readLatest(context, place);
  const codes = messages.codes.keys().toArray();
  await keywords.load(context.database.reader, codes);
  return {
    columns: messages,
    ...{ uidvalidity: state.uidvalidity, uidnext: state.uidnext, highestmodseq: state.highestmodseq, name: state.name },
    specialUse: state.special_use as SpecialUse | null,
    recentFrom: claimRecent ? await claim(context, place, state) : state.recent_uid,
    keywords: keywords.keywordsOf(codes),
  };
}

export async function readChanges(context: StoreContext, place: Place, keywords: KeywordSets, modseq: number, claimRecent: boolean): Promise<ChangesNow> {
  const { state, changed, vanished } = await readSince(context, place, modseq);
  await keywords.load(context.database.reader, changed.flags);
  const recentFrom = claimRecent ? await claim(context, place, state) : state.recent_uid;
  return { name: state.name, highestmodseq: state.highestmodseq, uidnext: state.uidnext, changed, vanished, recentFrom };
}

/** From the stored snapshot where there is one of use; what had to be read without it is stored when that is worth it. */
async function readLatest(context: StoreContext, place: Place): Promise<Whole> {
  const { state, messages, rows, modseq } = await readStored(context, place);
  const whole = messages ? { state, messages } : await readWhole(context, place);
  context.snapshots.keep({ mailbox: place.mailbox, modseq: whole.state.highestmodseq, columns: whole.messages, rows, useless: messages ? null : modseq });
  return whole;
}

/**
 * RFC 3501 section 2.3.2: one session alone sees a message as \Recent: the first UID that is so to this one. A full disk keeps nobody from
 * reading: what cannot be claimed is \Recent to the next one too.
 */
async function claim({ database }: StoreContext, { mailbox }: Place, { recent_uid, uidnext }: MailboxState): Promise<number> {
  for (let expected = recent_uid; expected < uidnext; ) {
    const claimed = await database.db
      .updateTable('mailboxes')
      .set({ recent_uid: uidnext })
      .where('id', '=', mailbox)
      .where('recent_uid', '=', expected)
      .returning('id')
      .executeTakeFirst()
      .catch((error: unknown) => {
        if (!isDiskFull(error)) throw error;
        return true;
      });
    if (claimed) return expected;
    const now = await database.reader.selectFrom('mailboxes').select('recent_uid').where('id', '=', mailbox).executeTakeFirst();
    expected = now?.recent_uid ?? uidnext;
  }
  return uidnext;
}
