// The text of contents that SEARCH looks at: read from the content store behind deliveries, by the indexer when there is time, and by a search for
// what its mailbox lacks. Doing it twice is harmless. What is missing from the content store has an empty text, and is logged.
import { type RawBuilder, sql } from 'kysely';
import { parseMessage } from '#shared/mail/mime/parse-message.ts';
import type { ParsedMessage } from '#shared/mail/mime/parsed-message.ts';
import { turn } from '#shared/mail/turns.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import { type Columns, insertionOf, isOneOf, runTogether, updateOf } from '#shared/sql/bulk.ts';
import { headersInsertion } from './content-rows.ts';
import type { StoreContext } from './store-context.ts';
import { fold, foldLines } from './text-folding.ts';

/** Contents of one transaction: memory holds their texts, and deliveries wait for it on SQLite. */
const PAGE = 25;
const TEXT: Columns = { content_id: 'text', header_text: 'text', body_text: 'text' };

interface Lacking {
  readonly id: string;
  readonly location: string;
  /** 0: the first version delivered it, and parsed nothing. */
  readonly parsed: number;
}

/** Reads the text of everything in the mailbox that has none yet. */
export async function readTextsOf(context: StoreContext, mailbox: number): Promise<void> {
  const here = sql<boolean>`exists (select 1 from messages where messages.content_id = index_queue.content_id and +messages.mailbox_id = ${mailbox})`;
  for (let after: string | undefined = ''; after !== undefined; ) after = await readTexts(context, sql`index_queue.content_id > ${after} and ${here}`);
}

/** Reads the texts of a page of those that wait for the index and have none; returns the last id, undefined when there was none. */
export async function readTexts(context: StoreContext, where: RawBuilder<unknown> = sql`1 = 1`): Promise<string | undefined> {
  const { rows } = await sql<Lacking>`select contents.id, contents.location,
      case when contents.message_index is null then 0 else 1 end as parsed
    from index_queue cross join contents left join content_texts on content_texts.content_id = contents.id
    where contents.id = index_queue.content_id and content_texts.content_id is null and ${where}
    order by index_queue.content_id limit ${sql.lit(PAGE)}`.execute(context.database.reader);
  const texts = await Promise.all(rows.map((row) => readText(context, row)));
  if (texts.length > 0) await insertTexts(context, texts);
  return rows.at(-1)?.id;
}

interface Text {
  readonly id: string;
  readonly header: string;
  readonly body: string;
  /** What the first version left out. */
  readonly unparsed: ParsedMessage | null;
}

async function readText(context: StoreContext, { id, location, parsed }: Lacking): Promise<Text> {
  const read = await parsedContent(context, id, location);
  if (!read) return { id, header: '', body: '', unparsed: null };
  // Each may be long.
  await turn();
  const header = foldLines(`\n${read.search.header}`);
  await turn();
  return { id, header, body: fold(read.search.body), unparsed: parsed === 0 ? read : null };
}

async function parsedContent({ contents, log }: StoreContext, id: string, location: string): Promise<ParsedMessage | null> {
  try {
    return await parseMessage(await contents.read(location));
  } catch (error) {
    if (!(error instanceof ContentMissingError)) throw error;
    log?.warn({ err: error, content: id }, 'mail store: content is missing');
    return null;
  }
}

async function insertTexts({ database: { db, engine } }: StoreContext, texts: readonly Text[]): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // What is just being expunged holds its content: it is passed over.
    const { rows } = await sql<{ id: string }>`select id from contents
      where ${isOneOf(
        engine,
        'id',
        texts.map(({ id }) => id),
      )} ${engine === 'postgres' ? sql`for key share skip locked` : sql``}`.execute(transaction);
    const there = new Set(rows.map(({ id }) => id));
    const kept = texts.filter(({ id }) => there.has(id));
    const unparsed = kept.flatMap(({ id, unparsed: parsed }) => (parsed ? [{ id, parsed }] : []));
    await runTogether(transaction, engine, [
      insertionOf(
        engine,
        'content_texts',
        TEXT,
        kept.map(({ id, header, body }) => [id, header, body]),
        '(content_id) do nothing',
      ),
      headersInsertion(engine, unparsed),
      updateOf(
        engine,
        'contents',
        { message_index: 'text', id: 'text' },
        unparsed.map(({ id, parsed }) => [JSON.stringify(parsed.index), id]),
      ),
    ]);
  });
}
