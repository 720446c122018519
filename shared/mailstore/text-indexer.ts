// Brings the full-text index up to date behind deliveries: contents wait in index_queue, their texts are read
// first, and SEARCH looks through those itself until they are indexed. Waits while much is being filed, by whichever process; several
// share the queue. A failure leaves the rest for the next turn.
import { setTimeout as pause } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { encode } from '#shared/spool/queue-id.ts';
import { isOneOf } from '#shared/sql/bulk.ts';
import { everyWhileBusy } from '#shared/telemetry/every.ts';
import { readTexts } from './content-texts.ts';
import type { MailstoreTables } from './schema.ts';
import type { StoreContext } from './store-context.ts';
import { gatherTrigrams, TOO_MANY } from './text-folding.ts';

type Db = Transaction<MailstoreTables>;

/** Contents of one transaction: deliveries wait for it on SQLite. */
const BATCH = 50;
const TICK = 2_000;
/** A tsvector ends at 1 MB; a trigram of the longest characters takes 16 octets. */
const MOST_TRIGRAMS = 60_000;
/** Contents a second that come in: more keep the indexer waiting, which costs several times what filing does, */
const BUSY = 50;
/** but not for more than so many turns. */
const PATIENCE = 30;
/** While any come in: how much longer it rests than it worked. Deliveries of other processes wait for SQLite's lock without a queue. */
const REST = 4;
/** Of the first so many in the queue a process begins anywhere: two seldom read the same texts. */
const SPREAD = 1000;

export interface TextIndexer {
  close(): Promise<void>;
}

export function startTextIndexer(context: StoreContext): TextIndexer {
  let running: Promise<unknown> = Promise.resolve();
  let skipped = 0;
  const closing = new AbortController();

  /** False when there was nothing to do. */
  async function workUnlessBusy(): Promise<boolean> {
    let done = 0;
    for (let more = 1; more > 0 && !closing.signal.aborted; ) {
      const coming = await comingIn(context);
      if (coming === BUSY && ++skipped < PATIENCE) return true;
      skipped = 0;
      const began = performance.now();
      more = await indexBatch(context);
      done += more;
      if (coming > 0) await pause(REST * (performance.now() - began), undefined, { signal: closing.signal }).catch(() => undefined);
    }
    return done > 0;
  }
  const endTurns = everyWhileBusy(TICK, () => {
    const turn = workUnlessBusy().catch((error: unknown) => {
      context.log?.warn({ err: error }, 'mail store: the full-text index is behind');
      return false;
    });
    running = turn;
    return turn;
  });

  return {
    async close() {
      closing.abort();
      endTurns();
      await running;
    },
  };
}

interface Waiting {
  readonly content_id: string;
  /** On PostgreSQL alone. */
  readonly text: string;
}

/** Contents of the last turn, up to BUSY. */
async function comingIn({ database, clock }: StoreContext): Promise<number> {
  const since = encode(0, clock.now() - TICK, new Uint8Array(9));
  const { rows } = await sql`select 1 from index_queue where content_id > ${since} limit ${sql.lit(BUSY)}`.execute(database.reader);
  return rows.length;
}

async function indexBatch(context: StoreContext): Promise<number> {
  const { db, reader, engine } = context.database;
  const { rows: waiting } = await sql<{ content_id: string }>`select content_id from index_queue limit 1`.execute(reader);
  if (waiting.length === 0) return 0;
  const anywhere = Math.floor(Math.random() * SPREAD);
  const from = sql`(select content_id from index_queue order by content_id limit 1 offset ${sql.lit(anywhere)})`;
  if ((await readTexts(context, sql`index_queue.content_id >= ${from}`)) === undefined) await readTexts(context);
  return await db.transaction().execute(async (transaction) => {
    const forgotten = await forgetExpunged(transaction);
    const text = engine === 'postgres' ? sql`header_text || chr(10) || body_text` : sql`''`;
    const { rows } = await sql<Waiting>`select index_queue.content_id, ${text} as text from index_queue
      join contents on contents.id = index_queue.content_id
      join content_texts on content_texts.content_id = index_queue.content_id
      order by index_queue.content_id limit ${sql.lit(BATCH)} ${engine === 'postgres' ? LOCKED : sql``}`.execute(transaction);
    for (const row of rows) await (engine === 'sqlite' ? insertText(transaction, row) : insertVector(transaction, row));
    await transaction
      .deleteFrom('index_queue')
      .where(
        isOneOf(
          engine,
          'content_id',
          rows.map(({ content_id }) => content_id),
        ),
      )
      .execute();
    return rows.length + forgotten;
  });
}

/** The first of the queue that were expunged before their turn. */
async function forgetExpunged(db: Db): Promise<number> {
  const { numAffectedRows } = await sql`delete from index_queue where content_id in
    (select content_id from index_queue order by content_id limit ${sql.lit(BATCH)})
    and not exists (select 1 from contents where contents.id = index_queue.content_id)`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/** Waits for nobody: what is just being expunged holds its content, and would wait for the queue. */
const LOCKED = sql`for key share of contents skip locked for update of index_queue skip locked`;

/** FTS5 finds the trigrams itself: the text need not leave its thread. */
async function insertText(db: Db, { content_id }: Waiting): Promise<void> {
  await sql`insert into content_index (rowid, trigrams) select seq, header_text || char(10) || body_text from content_texts
    where content_id = ${content_id}`.execute(db);
}

/** No folded text has a letter in upper case. */
const BETWEEN = 'X';

async function insertVector(db: Db, { content_id, text }: Waiting): Promise<void> {
  const found = await gatherTrigrams(text, MOST_TRIGRAMS);
  const trigrams = found.size > MOST_TRIGRAMS ? TOO_MANY : [...found].join(BETWEEN);
  // As one text: an array would be written out word by word.
  await sql`insert into content_index (content_id, trigrams) values (${content_id}, array_to_tsvector(string_to_array(${trigrams}, ${BETWEEN})))
    on conflict (content_id) do nothing`.execute(db);
}
