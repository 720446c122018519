// The statements that read a mailbox as columns, each consistent by itself, so that no lock is needed: the whole, what changed after a modseq,
// and the whole as the stored snapshot and what changed since.
import { type RawBuilder, sql } from 'kysely';
import type { Engine } from '#shared/sql/database.ts';
import type { Changes, MailboxColumns } from './mailbox-store.ts';
import { mergedColumns } from './merged-columns.ts';
import { type JoinedColumns, joined, joinedMessages, pick, ReadColumns, readColumns, readNumbers } from './message-columns.ts';
import { unpackColumns } from './packed-columns.ts';
import { MailboxGoneError } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';
import { gapsBetween, mergedRanges, type UidSet } from './uid-set.ts';

export interface MailboxState {
  readonly name: string;
  readonly special_use: string | null;
  readonly uidvalidity: number;
  readonly uidnext: number;
  readonly highestmodseq: number;
  readonly recent_uid: number;
  readonly vanished_floor: number;
}

export interface Whole {
  readonly state: MailboxState;
  readonly messages: MailboxColumns;
}

interface Since extends Pick<Changes, 'changed' | 'vanished'> {
  readonly state: MailboxState;
}

interface JoinedRanges {
  readonly first_uids: string | null;
  readonly last_uids: string | null;
}

export interface Stored {
  readonly state: MailboxState;
  /** Null: the stored snapshot is of no use. */
  readonly messages: MailboxColumns | null;
  /** Up to which the stored snapshot holds; null: there is none, and `messages` are as `readWhole` reads them. */
  readonly modseq: number | null;
  /** Rows that no snapshot gave. */
  readonly rows: number;
}

export async function readWhole({ database }: StoreContext, { account, mailbox }: Place): Promise<Whole> {
  const { engine, reader } = database;
  const { rows } = await sql<MailboxState & JoinedColumns>`select mailboxes.*, them.* from mailboxes
    cross join (select ${joinedMessages(engine)} from messages where messages.mailbox_id = ${mailbox}) as them
    where mailboxes.id = ${mailbox} and mailboxes.account_id = ${account}`.execute(reader);
  const row = rows[0] ?? gone();
  return { state: row, messages: new ReadColumns(readColumns(row)) };
}

/** As the whole in one statement, so that a mailbox without a snapshot pays for no other. */
export async function readStored({ database }: StoreContext, { account, mailbox }: Place): Promise<Stored> {
  const { engine, reader } = database;
  const modseq = sql`(select modseq from mailbox_snapshots where mailbox_id = ${mailbox})`;
  const { rows } = await sql<
    MailboxState & JoinedColumns & JoinedRanges & { snapshot_modseq: number | null; snapshot_columns: Uint8Array | null }
  >`select mailboxes.*, snapshots.modseq as snapshot_modseq, snapshots.columns as snapshot_columns, them.*, those.* from mailboxes
    left join mailbox_snapshots as snapshots on snapshots.mailbox_id = mailboxes.id
    cross join (select ${joinedMessages(engine)} from messages where messages.mailbox_id = ${mailbox} and messages.modseq > coalesce(${modseq}, -1)) as them
    cross join (select ${joinedRanges(engine)} from vanished where mailbox_id = ${mailbox} and modseq > ${modseq}) as those
    where mailboxes.id = ${mailbox} and mailboxes.account_id = ${account}`.execute(reader);
  const row = rows[0] ?? gone();
  const { snapshot_modseq, snapshot_columns, highestmodseq, vanished_floor } = row;
  const changed = readColumns(row);
  if (snapshot_modseq === null || snapshot_columns === null) return { state: row, messages: new ReadColumns(changed), modseq: null, rows: changed.uids.length };
  const base = snapshot_modseq >= vanished_floor && snapshot_modseq <= highestmodseq ? unpackColumns(snapshot_columns) : null;
  const vanished = readRanges(row);
  const news = changed.uids.length + vanished.length;
  const merged = base && news > 0 ? mergedColumns(base, { changed, vanished }) : null;
  const messages = base && merged && new ReadColumns(merged, new Set([...base.codes.keys(), ...changed.flags]));
  return { state: row, messages: news === 0 ? base : messages, modseq: snapshot_modseq, rows: news };
}

export async function readSince(context: StoreContext, place: Place, modseq: number): Promise<Since> {
  const { engine, reader } = context.database;
  const { account, mailbox } = place;
  const { rows } = await sql<MailboxState & JoinedColumns & JoinedRanges>`select mailboxes.*, them.*, those.* from mailboxes
    cross join (select ${joinedMessages(engine)} from messages where messages.mailbox_id = ${mailbox} and messages.modseq > ${modseq}) as them
    cross join (select ${joinedRanges(engine)} from vanished where mailbox_id = ${mailbox} and modseq > ${modseq}) as those
    where mailboxes.id = ${mailbox} and mailboxes.account_id = ${account}`.execute(reader);
  const row = rows[0] ?? gone();
  if (modseq < row.vanished_floor) return await readSinceForgotten(context, place, modseq);
  return { state: row, changed: readColumns(row), vanished: readRanges(row) };
}

function joinedRanges(engine: Engine): RawBuilder<JoinedRanges> {
  return sql`${joined(engine, 'first_uid')} as first_uids, ${joined(engine, 'last_uid')} as last_uids`;
}

function readRanges({ first_uids, last_uids }: JoinedRanges): UidSet {
  const last = readNumbers(last_uids);
  return mergedRanges(Array.from(readNumbers(first_uids), (first, index): [number, number] => [first, last[index] ?? first]));
}

/** RFC 7162 section 3.2.5.2: what is no longer remembered is all that is not there. */
async function readSinceForgotten(context: StoreContext, place: Place, modseq: number): Promise<Since> {
  const { state, messages } = await readWhole(context, place);
  const later = Uint32Array.from(messages.modseqs.keys()).filter((index) => (messages.modseqs[index] ?? 0) > modseq);
  return { state, changed: pick(messages, later), vanished: gapsBetween(messages.uids, state.uidnext - 1) };
}

export function gone(): never {
  throw new MailboxGoneError('the mailbox was deleted');
}
