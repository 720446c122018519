// STORE: flags of a UID set changed in one transaction, with one modseq for all that differ afterwards (RFC 7162 section 3.1.3). Messages whose
// flags were already so keep their modseq. Refusals are values.
import { isOneOf } from '#shared/sql/bulk.ts';
import type { FlagCode } from './account-store.ts';
import { type Flags, parseFlags } from './flag-code.ts';
import type { KeywordSets } from './keyword-sets.ts';
import { advance, lockMailbox, readMessages } from './mailbox-rows.ts';
import type { FlagChange, FlagsStored, MessageColumns } from './mailbox-store.ts';
import { NO_MESSAGES, pick } from './message-columns.ts';
import type { Refusal } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import { type Change, change, type StoreContext } from './store-context.ts';
import { rangesOf, type UidSet } from './uid-set.ts';

export interface FlagsToStore {
  readonly uids: UidSet;
  readonly change: FlagChange;
  readonly flags: readonly string[];
  readonly unchangedSince: number;
}

export async function storeFlags(context: StoreContext, place: Place, keywords: KeywordSets, wanted: FlagsToStore): Promise<FlagsStored | Refusal> {
  const flags = parseFlags(wanted.flags);
  if ('kind' in flags) return flags;
  const result = await change(context, (changing) => storeLocked(changing, context, place, keywords, wanted, flags));
  if (result.kind === 'refused') return result;
  keywords.remember(result.made);
  await keywords.load(context.database.reader, result.stored.changed.flags);
  return result.stored;
}

async function storeLocked(
  changing: Change,
  context: StoreContext,
  { account, mailbox: id }: Place,
  keywords: KeywordSets,
  wanted: FlagsToStore,
  flags: Flags,
): Promise<{ readonly kind: 'done'; readonly stored: FlagsStored; readonly made: ReadonlyMap<number, readonly string[]> } | Refusal> {
  const { engine } = context.database;
  const { db } = changing;
  const mailbox = await lockMailbox(db, engine, account, id);
  const found = await readMessages(db, engine, id, wanted.uids);
  const [late, free] = partition(found, (index) => (found.modseqs[index] ?? 0) > wanted.unchangedSince);
  const modified = rangesOf(pick(found, late).uids);
  const present = pick(found, free);
  const codes = await keywords.change(db, present.flags, wanted.change, flags);
  if (codes.kind === 'refused') return codes;
  const [different] = partition(present, (index) => codes.codes.get(present.flags[index] ?? 0) !== present.flags[index]);
  if (different.length === 0) {
    return { kind: 'done', made: codes.made, stored: { kind: 'stored', changed: NO_MESSAGES, modified, highestmodseq: mailbox.highestmodseq } };
  }
  const highestmodseq = mailbox.highestmodseq + 1;
  const changed = withCodes(pick(present, different), codes.codes, highestmodseq);
  for (const [flag_code, uids] of Map.groupBy(changed.uids.keys(), (index) => changed.flags[index] ?? 0)) {
    const those = Array.from(uids, (index) => changed.uids[index] ?? 0);
    await db
      .updateTable('messages')
      .set({ modseq: highestmodseq, flag_code })
      .where('mailbox_id', '=', id)
      .where(isOneOf(engine, 'uid', those))
      .execute();
  }
  await advance(db, mailbox, { highestmodseq });
  changing.changed(account, id, highestmodseq);
  return { kind: 'done', made: codes.made, stored: { kind: 'stored', changed, modified, highestmodseq } };
}

/** Positions where the condition holds, and the others. */
function partition({ uids }: MessageColumns, holds: (index: number) => boolean): [Uint32Array, Uint32Array] {
  const positions = Uint32Array.from(uids.keys());
  return [positions.filter(holds), positions.filter((index) => !holds(index))];
}

function withCodes({ uids, flags }: MessageColumns, codes: ReadonlyMap<FlagCode, FlagCode>, modseq: number): MessageColumns {
  return { uids, modseqs: new Float64Array(uids.length).fill(modseq), flags: flags.map((code) => codes.get(code) ?? code) };
}
