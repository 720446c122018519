// The rows of a content: itself with what FETCH answers from, and what SEARCH, SORT and THREAD ask of it. Written once, removed with its last
// copy. Its text follows (content-texts.ts).
import { hash } from 'node:crypto';
import type { CompiledQuery } from 'kysely';
import type { ParsedMessage } from '#shared/mail/mime/parsed-message.ts';
import { type Columns, insertionOf, rowOf } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import type { ContentHeadersTable } from './schema.ts';
import type { StoredContent } from './store-content.ts';
import { fold, storable } from './text-folding.ts';

const CONTENT: Columns = { id: 'text', location: 'text', size: 'bigint', digest: 'text', reference_count: 'bigint', message_index: 'text' };
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

/** Statements that insert new contents, each with as many references as it will have. */
export function contentInsertions(
  engine: Engine,
  contents: readonly { readonly content: StoredContent; readonly references: number }[],
): readonly CompiledQuery[] {
  const rows = contents.map(({ content: { id, location, size, digest, index }, references }) => [id, location, size, digest, references, index]);
  return [
    insertionOf(engine, 'contents', CONTENT, rows),
    headersInsertion(
      engine,
      contents.map(({ content }) => content),
    ),
    insertionOf(
      engine,
      'index_queue',
      { content_id: 'text' },
      rows.map(([id = '']) => [id]),
    ),
  ];
}

/** The statement that inserts what parsing found in the headers of contents that have their row. */
export function headersInsertion(engine: Engine, contents: readonly { readonly id: string; readonly parsed: ParsedMessage }[]): CompiledQuery {
  const rows = contents.map(({ id, parsed }) => rowOf(HEADERS, headersRow(id, parsed)));
  return insertionOf(engine, 'content_headers', HEADERS, rows, '(content_id) do nothing');
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
