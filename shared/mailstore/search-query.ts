// Turns what SEARCH asks into one SQL condition over messages and content_headers, the same for both databases. Texts go through the full-text
// index, contents it lacks are read. What fields the store keeps no text of is asked of `LeftFields`, beforehand.
import { type RawBuilder, sql } from 'kysely';
import { field, isOneOf, rowsFrom } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import { SET_UNIT, sameKeyword, systemBit } from './flag-code.ts';
import type { Place } from './remove-messages.ts';
import type { SearchCriterion } from './search-criteria.ts';
import { fold, TOO_MANY, trigramsOf } from './text-folding.ts';
import type { UidSet } from './uid-set.ts';

type Condition = RawBuilder<boolean>;

export interface SearchScope extends Place {
  readonly engine: Engine;
  /** Contents in which a field that is not kept contains the text: answered by reading them. */
  readonly leftMatches: (criterion: HeaderCriterion) => readonly string[];
}

/** Trigrams of a text that are looked up in the index. */
const MOST_INDEXED = 200;

export type HeaderCriterion = Extract<SearchCriterion, { kind: 'header' }>;

const DAY = 86_400_000;
/** Fields that have a column of their own. */
const COLUMNS: Readonly<Record<string, string>> = { from: 'from_text', to: 'to_text', cc: 'cc_text', bcc: 'bcc_text', subject: 'subject_text' };

/** Answered without content, whatever fields were left out. */
export const isKeptField = ({ field: name, text }: HeaderCriterion): boolean => text === '' || name.toLowerCase() in COLUMNS;

/** Answered from the text of the header, not from a column of its own. */
export const asksHeaderText = ({ field: name, text }: HeaderCriterion): boolean => text === '' || !(name.toLowerCase() in COLUMNS);

/** The condition under which a row of messages, joined with content_headers, is found. */
export function conditionOf(criterion: SearchCriterion, scope: SearchScope): Condition {
  const all = (of: readonly SearchCriterion[], by: RawBuilder<unknown>): Condition =>
    joinedBy(
      by,
      of.map((one) => conditionOf(one, scope)),
    );
  switch (criterion.kind) {
    case 'all':
      return sql`1 = 1`;
    case 'and':
      return criterion.of.length === 0 ? sql`1 = 1` : all(criterion.of, sql` and `);
    case 'or':
      return criterion.of.length === 0 ? sql`1 = 0` : all(criterion.of, sql` or `);
    case 'not':
      return sql`not coalesce(${conditionOf(criterion.of, scope)}, ${scope.engine === 'postgres' ? sql`false` : sql`0`})`;
    case 'uids':
      return isAmong(criterion.uids, scope);
    case 'flag':
      return hasFlag(criterion.flag, scope);
    case 'size':
      return within(sql`messages.size`, criterion.above === undefined ? undefined : criterion.above + 1, criterion.below);
    case 'received':
      return within(sql`messages.internaldate`, criterion.from, criterion.to);
    case 'sent':
      return within(
        sql`coalesce(content_headers.sent_day, messages.internaldate / ${sql.lit(DAY)})`,
        criterion.from,
        criterion.to === undefined ? undefined : criterion.to + 1,
      );
    case 'header':
      return hasField(criterion, scope);
    case 'body':
      return hasText(criterion.text, scope, false);
    case 'text':
      return hasText(criterion.text, scope, true);
    case 'modseq':
      return sql`messages.modseq >= ${criterion.from}`;
    case 'emailid':
      return sql`('M' || messages.content_id || '-' || messages.recipient) = ${criterion.id}`;
    case 'threadid':
      return sql`content_headers.thread_id = ${criterion.id}`;
  }
}

/** As a tree that is as flat as can be: SQLite refuses expressions deeper than 1,000, and a chain of `and` is as deep as it is long. */
function joinedBy(by: RawBuilder<unknown>, conditions: readonly Condition[]): Condition {
  const [only] = conditions;
  if (conditions.length === 1 && only) return only;
  const half = conditions.length >> 1;
  return sql`(${joinedBy(by, conditions.slice(0, half))}${by}${joinedBy(by, conditions.slice(half))})`;
}

/** From `from`, below `below`. */
function within(value: RawBuilder<unknown>, from: number | undefined, below: number | undefined): Condition {
  const bounds = [...(from === undefined ? [] : [sql`${value} >= ${from}`]), ...(below === undefined ? [] : [sql`${value} < ${below}`])];
  return bounds.length === 0 ? sql`1 = 1` : sql`(${sql.join(bounds, sql` and `)})`;
}

function isAmong(uids: UidSet, { engine, mailbox }: SearchScope): Condition {
  if (uids.length === 0) return sql`1 = 0`;
  if (uids.length <= 10)
    return joinedBy(
      sql` or `,
      uids.map(([first, last]) => sql<boolean>`messages.uid between ${first} and ${last}`),
    );
  // Asked of each message, for a multirange is searched by halves.
  if (engine === 'postgres') return sql`cast(${`{${uids.map(([first, last]) => `[${first},${last}]`).join(',')}}`} as int8multirange) @> messages.uid`;
  const rows = uids.map(([first, last]) => ({ first, last }));
  // Looked up once, range by range through the key: to ask of each message whether one of the ranges holds it would take ranges times messages.
  return sql`messages.uid in (select among.uid from ${rowsFrom(engine, rows)} cross join messages as among
    where among.mailbox_id = ${mailbox} and among.uid between ${field('first', 'bigint')} and ${field('last', 'bigint')})`;
}

function hasFlag(flag: string, { account, engine }: SearchScope): Condition {
  const bit = systemBit(flag);
  if (bit !== undefined) return sql`(messages.flag_code & ${sql.lit(bit)}) <> 0`;
  return sql`(messages.flag_code / ${sql.lit(SET_UNIT)}) in (select id from keyword_sets where account_id = ${account}
    and ${contains(engine, sql`lower(keywords)`, ` ${sameKeyword(flag)} `)})`;
}

/** A substring, compared character by character. */
function contains(engine: Engine, column: RawBuilder<unknown>, text: string): Condition {
  return engine === 'postgres' ? sql`strpos(${column}, ${text}) > 0` : sql`instr(${column}, ${text}) > 0`;
}

/** A line of `name: value` with this field and text; both are plain text in the pattern. Most rows have no such field: that is asked first. */
function hasLine(engine: Engine, lines: RawBuilder<unknown>, name: string, text: string): Condition {
  const plain = (part: string): string => part.replace(/[^\p{L}\p{N} ]/gu, '\\$&');
  const pattern = `\n${plain(name)}:[^\n]*${plain(text)}`;
  const matches = engine === 'postgres' ? sql`${lines} ~ ${pattern}` : sql`${lines} regexp ${pattern}`;
  return sql`(${contains(engine, lines, `\n${name}:`)} and ${matches})`;
}

function hasField(criterion: HeaderCriterion, scope: SearchScope): Condition {
  const { engine } = scope;
  const name = criterion.field.toLowerCase();
  const text = fold(criterion.text);
  const column = COLUMNS[name];
  if (column && text !== '') return contains(engine, sql`${sql.ref(`content_headers.${column}`)}`, text);
  const own = hasLine(engine, sql`(${newline(engine)} || lower(messages.own_header))`, name, text);
  const kept = ofMessage(hasLine(engine, sql`content_texts.header_text`, name, text));
  const left =
    text === '' ? contains(engine, sql`content_headers.left_fields`, ` ${name} `) : isOneOf(engine, 'messages.content_id', scope.leftMatches(criterion));
  return sql`(${own} or ${kept} or ${left})`;
}

const newline = (engine: Engine): RawBuilder<unknown> => (engine === 'postgres' ? sql`chr(10)` : sql`char(10)`);

/** Asked of each message's own text. */
const ofMessage = (condition: Condition): Condition =>
  sql`exists (select 1 from content_texts where content_texts.content_id = messages.content_id and ${condition})`;

/** Asked of texts that an index found; the plus keeps SQLite from looking through the whole mailbox for each. */
const inMailbox = ({ mailbox }: SearchScope): Condition =>
  sql`exists (select 1 from messages as here where here.content_id = content_texts.content_id and +here.mailbox_id = ${mailbox})`;

function hasText(given: string, scope: SearchScope, header: boolean): Condition {
  const { engine } = scope;
  const text = fold(given);
  if (text === '') return sql`1 = 1`;
  const inBody = contains(engine, sql`content_texts.body_text`, text);
  const anywhere = header ? sql<boolean>`(${inBody} or ${contains(engine, sql`content_texts.header_text`, text)})` : inBody;
  // The text is compared with what they find: some are enough to find few.
  const trigrams = trigramsOf(text).slice(0, MOST_INDEXED);
  const found = trigrams.length === 0 ? ofMessage(anywhere) : indexed(trigrams, anywhere, scope);
  return header ? sql`(${found} or ${contains(engine, sql`lower(messages.own_header)`, text)})` : found;
}

/** By the index, and what the index lacks; both may only hold it. Cross joins: SQLite begins with what is few. */
function indexed(trigrams: readonly string[], condition: Condition, scope: SearchScope): Condition {
  const waiting = sql`select content_texts.content_id from index_queue cross join content_texts
    where content_texts.content_id = index_queue.content_id and ${inMailbox(scope)} and ${condition}`;
  return sql`(messages.content_id in (select content_texts.content_id from ${candidates(trigrams, scope.engine)} and ${inMailbox(scope)} and ${condition})
    or messages.content_id in (${waiting}))`;
}

function candidates(trigrams: readonly string[], engine: Engine): RawBuilder<unknown> {
  if (engine === 'sqlite') {
    const query = trigrams.map((trigram) => `"${trigram.replaceAll('"', '""')}"`).join(' AND ');
    return sql`content_index cross join content_texts where content_texts.seq = content_index.rowid and content_index match ${query}`;
  }
  const query = trigrams.map((trigram) => `'${trigram.replace(/['\\]/g, '$&$&')}'`).join(' & ');
  return sql`content_index join content_texts on content_texts.content_id = content_index.content_id
    where content_index.trigrams @@ cast(${`(${query}) | '${TOO_MANY}'`} as tsquery)`;
}
