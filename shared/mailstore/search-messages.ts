// SEARCH, SORT and THREAD: one query each over committed rows, texts that are not there yet being read first; sorting is done here, so that both databases sort alike.
// Fails as the database does, or when content must be read for a rare header field and is away.
import { sql } from 'kysely';
import { decodeWords } from '#shared/mail/mime/encoded-words.ts';
import { blockFields, fieldText } from '#shared/mail/mime/header-block.ts';
import { type ColdStore, ContentMissingError, inPieces } from '#shared/spool/cold-store.ts';
import { readTextsOf } from './content-texts.ts';
import type { Found, ThreadRow } from './mailbox-store.ts';
import { joined, readNumbers } from './message-columns.ts';
import type { Place } from './remove-messages.ts';
import type { SearchCriterion, SortKey, SortOrder } from './search-criteria.ts';
import { asksHeaderText, conditionOf, type HeaderCriterion, isKeptField } from './search-query.ts';
import type { StoreContext } from './store-context.ts';
import { fold } from './text-folding.ts';

/** Octets of a header that are looked at (as shared/mail/header.ts). */
const MAX_HEADER = 256 * 1024;

export async function searchMessages(context: StoreContext, place: Place, criterion: SearchCriterion): Promise<Found> {
  const { engine, searcher } = context.database;
  const where = await prepared(context, place, criterion);
  const { rows } = await sql<{ uids: string | null; modseq: number | null }>`select ${joined(engine, 'messages.uid')} as uids, max(messages.modseq) as modseq
    from ${source(criterion)} where messages.mailbox_id = ${place.mailbox} and ${where}`.execute(searcher);
  return { uids: Uint32Array.from(readNumbers(rows[0]?.uids ?? null)).sort(), highestmodseq: rows[0]?.modseq ?? 0 };
}

const SORTED_BY: Readonly<Record<SortKey, string>> = {
  ...{ arrival: 'messages.internaldate', size: 'messages.size', date: 'coalesce(content_headers.sent_at, messages.internaldate)' },
  ...{ cc: 'sort_cc', from: 'sort_from', subject: 'sort_subject', to: 'sort_to' },
};

export async function sortMessages(context: StoreContext, place: Place, criterion: SearchCriterion, order: SortOrder): Promise<Found> {
  const where = await prepared(context, place, criterion);
  const keys = sql.join(order.map(({ key }, index) => sql`${sql.raw(SORTED_BY[key])} as ${sql.ref(`key${index}`)}`));
  const { rows } = await sql<Record<string, string | number | null> & { uid: number; modseq: number }>`select messages.uid, messages.modseq, ${keys}
    from messages left join content_headers on content_headers.content_id = messages.content_id
    where messages.mailbox_id = ${place.mailbox} and ${where}`.execute(context.database.searcher);
  const names = order.map(({ reverse }, index) => ({ name: `key${index}`, sign: reverse ? -1 : 1 }));
  rows.sort((a, b) => {
    for (const { name, sign } of names) {
      const difference = compare(a[name] ?? '', b[name] ?? '');
      if (difference !== 0) return sign * difference;
    }
    return a.uid - b.uid;
  });
  return { uids: Uint32Array.from(rows, ({ uid }) => uid), highestmodseq: rows.reduce((highest, { modseq }) => Math.max(highest, modseq), 0) };
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export async function threadRows(context: StoreContext, place: Place, criterion: SearchCriterion): Promise<readonly ThreadRow[]> {
  const where = await prepared(context, place, criterion);
  const { rows } = await sql<{
    uid: number;
    sent_at: number;
    message_id: string | null;
    thread_references: string | null;
    sort_subject: string | null;
    is_reply: number | null;
  }>`
    select messages.uid, coalesce(content_headers.sent_at, messages.internaldate) as sent_at, message_id, thread_references, sort_subject, is_reply
    from messages left join content_headers on content_headers.content_id = messages.content_id
    where messages.mailbox_id = ${place.mailbox} and ${where} order by messages.uid`.execute(context.database.searcher);
  return rows.map((row) => ({
    ...{ uid: row.uid, sentAt: row.sent_at, messageId: row.message_id, subject: row.sort_subject ?? '', isReply: row.is_reply === 1 },
    references: row.thread_references ? row.thread_references.split(' ') : [],
  }));
}

/** Small rows alone when the question is about flags, dates and sizes. */
function source(criterion: SearchCriterion) {
  return asksHeaders(criterion) ? sql`messages left join content_headers on content_headers.content_id = messages.content_id` : sql`messages`;
}

function asksHeaders(criterion: SearchCriterion): boolean {
  if (criterion.kind === 'and' || criterion.kind === 'or') return criterion.of.some(asksHeaders);
  if (criterion.kind === 'not') return asksHeaders(criterion.of);
  return criterion.kind === 'sent' || criterion.kind === 'header' || criterion.kind === 'threadid';
}

async function prepared(context: StoreContext, place: Place, criterion: SearchCriterion) {
  if (asksTexts(criterion)) await readTextsOf(context, place.mailbox);
  const found = new Map<HeaderCriterion, readonly string[]>();
  for (const header of leftFields(criterion)) found.set(header, await readLeftFields(context, place, header));
  return conditionOf(criterion, { ...place, engine: context.database.engine, leftMatches: (header) => found.get(header) ?? [] });
}

function asksTexts(criterion: SearchCriterion): boolean {
  if (criterion.kind === 'and' || criterion.kind === 'or') return criterion.of.some(asksTexts);
  if (criterion.kind === 'not') return asksTexts(criterion.of);
  return criterion.kind === 'body' || criterion.kind === 'text' || (criterion.kind === 'header' && asksHeaderText(criterion));
}

/** The questions that only content may answer: each field that is not kept. */
function leftFields(criterion: SearchCriterion): readonly HeaderCriterion[] {
  if (criterion.kind === 'and' || criterion.kind === 'or') return criterion.of.flatMap(leftFields);
  if (criterion.kind === 'not') return leftFields(criterion.of);
  return criterion.kind === 'header' && !isKeptField(criterion) ? [criterion] : [];
}

async function readLeftFields({ database, contents }: StoreContext, { mailbox }: Place, { field, text }: HeaderCriterion): Promise<readonly string[]> {
  const { engine, searcher } = database;
  const name = field.toLowerCase();
  const contains = (value: string) =>
    engine === 'postgres' ? sql<boolean>`strpos(left_fields, ${value}) > 0` : sql<boolean>`instr(left_fields, ${value}) > 0`;
  const ids = sql<boolean>`content_headers.content_id in (select content_id from messages where mailbox_id = ${mailbox})`;
  const rows = await searcher
    .selectFrom('content_headers')
    .innerJoin('contents', 'contents.id', 'content_headers.content_id')
    .select(['contents.id', 'contents.location'])
    .where(ids)
    .where((where) => where.or([contains(` ${name} `), contains(' * ')]))
    .execute();
  const wanted = fold(text);
  const matching: string[] = [];
  for (const { id, location } of rows) {
    const fields = blockFields(await readHeader(contents, location));
    if (fields.some((one) => one.name === name && fold(decodeWords(fieldText(one))).includes(wanted))) matching.push(id);
  }
  return matching;
}

async function readHeader(contents: ColdStore, location: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of inPieces(await contents.read(location))) {
      pieces.push(piece);
      size += piece.length;
      if (size >= MAX_HEADER) break;
    }
  } catch (error) {
    // Expunged meanwhile: it is not found.
    if (!(error instanceof ContentMissingError)) throw error;
  }
  const start = Buffer.concat(pieces).subarray(0, MAX_HEADER);
  const end = /\r?\n\r?\n/.exec(start.toString('latin1'))?.index;
  return start.subarray(0, end);
}
