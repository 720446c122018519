// The rows of a content: itself, what SEARCH, SORT and THREAD ask of it, and what FETCH answers from. Written once, removed with its last copy.
import { hash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import type { ParsedMessage } from '#shared/mail/mime/parsed-message.ts';
import { type Columns, field, insertRows, isOneOf, rowsFrom } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import type { ContentHeadersTable, ContentTextsTable, MailstoreTables } from './schema.ts';
import type { StoredContent } from './store-content.ts';
import { fold, foldLines, storable } from './text-folding.ts';

type Db = Transaction<MailstoreTables>;

const CONTENT: Columns = { id: 'text', location: 'text', size: 'bigint', digest: 'text', reference_count: 'bigint' };
const HEADERS: Columns = {
  content_id: 'text',
  thread_id: 'text',
  message_id: 'text',
  thread_references: 'text',
  is_reply: 'bigint',
  sent_at: 'bigint',
  sent_day: 'bigint',
  sort_subject: 'text',
  sort_from: 'text',
  sort_to: 'text',
  sort_cc: 'text',
  from_text: 'text',
  to_text: 'text',
  cc_text: 'text',
  bcc_text: 'text',
  subject_text: 'text',
  left_fields: 'text',
};
const TEXTS: Columns = { content_id: 'text', message_index: 'text', header_text: 'text', body_text: 'text' };

/** Inserts new contents, each with as many references as it will have. */
export async function insertContents(
  db: Db,
  engine: Engine,
  contents: readonly { readonly content: StoredContent; readonly references: number }[],
): Promise<void> {
  const rows = contents.map(({ content: { id, location, size, digest }, references }) => ({ id, location, size, digest, reference_count: references }));
  await insertRows(db, engine, 'contents', CONTENT, rows);
  await insertParsed(
    db,
    engine,
    contents.map(({ content }) => content),
  );
  await insertRows(
    db,
    engine,
    'index_queue',
    { content_id: 'text' },
    rows.map(({ id }) => ({ content_id: id })),
  );
}

/** Inserts what parsing found of contents that have their row. */
export async function insertParsed(db: Db, engine: Engine, contents: readonly { readonly id: string; readonly parsed: ParsedMessage }[]): Promise<void> {
  await insertRows(
    db,
    engine,
    'content_headers',
    HEADERS,
    contents.map(({ id, parsed }) => headersRow(id, parsed)),
  );
  await insertRows(
    db,
    engine,
    'content_texts',
    TEXTS,
    contents.map(({ id, parsed }) => textsRow(id, parsed)),
  );
}

/**
 * Changes the numbers of references, positive and negative, and removes the contents that have none left: returns where those lie, to be
 * given back after the commit. Locks in id order, after mailboxes.
 */
export async function changeReferences(db: Db, engine: Engine, changes: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const rows = [...changes].filter(([, by]) => by !== 0).map(([id, by]) => ({ id, by }));
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  if (engine === 'postgres')
    await db
      .selectFrom('contents')
      .select('id')
      .where(isOneOf(engine, 'id', ids))
      .orderBy('id')
      .forNoKeyUpdate()
      .execute();
  await sql`update contents set reference_count = reference_count + ${field('by', 'bigint')}
    from ${rowsFrom(engine, rows)} where contents.id = ${field('id', 'text')}`.execute(db);
  if (rows.every(({ by }) => by > 0)) return [];
  const gone = await db
    .deleteFrom('contents')
    .where(isOneOf(engine, 'id', ids))
    .where('reference_count', '<=', 0)
    .returning('location')
    .execute();
  return gone.map(({ location }) => location);
}

/**
 * RFC 8474 section 5.2: messages of one conversation share it, a message has it for ever. It is made of the id at the conversation's root, so
 * that no other message need be found: replies name the root first (RFC 5322 section 3.6.4).
 */
export function threadId(contentId: string, { thread }: ParsedMessage): string {
  const root = thread.references[0] ?? thread.id;
  return root === undefined ? `T${contentId}` : `T${hash('sha256', root, 'base64url').slice(0, 24)}`;
}

function headersRow(id: string, parsed: ParsedMessage): ContentHeadersTable {
  const { search, sort, thread, index } = parsed;
  return {
    content_id: id,
    thread_id: threadId(id, parsed),
    message_id: thread.id === undefined ? null : storable(thread.id),
    thread_references: storable(thread.references.join(' ')),
    is_reply: thread.reply ? 1 : 0,
    sent_at: sort.sent?.at ?? null,
    sent_day: sort.sent?.day ?? null,
    sort_subject: storable(sort.subject),
    sort_from: storable(sort.from),
    sort_to: storable(sort.to),
    sort_cc: storable(sort.cc),
    from_text: fold(search.from),
    to_text: fold(search.to),
    cc_text: fold(search.cc),
    bcc_text: fold(search.bcc),
    subject_text: fold(search.subject),
    left_fields: storable(` ${index.fields.left.join(' ')} `),
  };
}

function textsRow(id: string, { index, search }: ParsedMessage): Omit<ContentTextsTable, 'seq'> {
  return { content_id: id, message_index: JSON.stringify(index), header_text: foldLines(`\n${search.header}`), body_text: fold(search.body) };
}
