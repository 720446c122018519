// What FETCH and POP3 read of messages: in batches, each one query, with handles to content that read it from the store when asked.
// Content that was expunged meanwhile throws ContentMissingError when it is read.
import { sql } from 'kysely';
import { WITHOUT_TEXT } from '#shared/mail/mime/parse-limits.ts';
import { parseMessage } from '#shared/mail/mime/parse-message.ts';
import type { Envelope, MessageIndex } from '#shared/mail/mime/parsed-message.ts';
import { type ColdStore, inPieces } from '#shared/spool/cold-store.ts';
import type { Engine } from '#shared/sql/database.ts';
import { threadId } from './content-rows.ts';
import type { KeywordSets } from './keyword-sets.ts';
import { messagesAmong } from './mailbox-rows.ts';
import type { MessageContent, MessageInfo, MessageWants, Octets } from './mailbox-store.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';
import { piecesOf, type UidSet } from './uid-set.ts';

/** Messages of one query. */
const BATCH = 500;
/** Octets of an index that comes with its row; a longer one, which can have a million, is asked for by itself. */
const SHORT_INDEX = 8192;

interface MessageRow {
  readonly uid: number;
  readonly modseq: number;
  readonly flag_code: number;
  readonly internaldate: number;
  readonly size: number;
  readonly content_id: string;
  readonly recipient: number;
  readonly own_header: string;
  readonly location: string;
  readonly thread_id: string | null;
  /** The index as JSON, or of it the envelope alone; null: not wanted, not there, or left out. */
  readonly message_index: string | null;
  /** The index is there, and left out. */
  readonly long_index: number | boolean | null;
}

export async function* fetchMessages(
  context: StoreContext,
  { mailbox }: Place,
  keywords: KeywordSets,
  uids: UidSet,
  wants: MessageWants,
): AsyncGenerator<readonly MessageInfo[]> {
  for await (const rows of batches(context, mailbox, uids, wants)) {
    await keywords.load(
      context.database.reader,
      rows.map(({ flag_code }) => flag_code),
    );
    for (const some of apart(rows, ({ long_index }) => Boolean(long_index))) {
      const whole = some[0]?.long_index ? await withIndex(context, some[0]) : some;
      if (whole.length > 0) yield await Promise.all(whole.map((row) => infoOf(context.contents, row, wants)));
    }
  }
}

/** The rows in order, each that is long by itself. */
function apart(rows: readonly MessageRow[], long: (row: MessageRow) => boolean): readonly (readonly MessageRow[])[] {
  const groups: MessageRow[][] = [];
  let open: MessageRow[] | null = null;
  for (const row of rows) {
    if (open && !long(row)) open.push(row);
    else groups.push([row]);
    open = long(row) ? null : (groups.at(-1) ?? null);
  }
  return groups;
}

/** Each batch is asked for when the one before it has come: the database reads it while that one is worked on. */
async function* batches(context: StoreContext, mailbox: number, uids: UidSet, wants: MessageWants): AsyncGenerator<readonly MessageRow[]> {
  const pieces = piecesOf(uids, BATCH)[Symbol.iterator]();
  let rest: UidSet = [];
  const ask = (): Promise<readonly MessageRow[]> | null => {
    if (rest.length === 0) rest = pieces.next().value ?? [];
    if (rest.length === 0) return null;
    const asked = readBatch(context, mailbox, rest, wants);
    asked.catch(() => undefined); // whoever awaits it hears of it
    return asked;
  };
  for (let asked = ask(); asked; ) {
    const rows = await asked;
    rest = rows.length < BATCH ? [] : after(rest, rows.at(-1)?.uid ?? 0);
    asked = ask();
    if (rows.length > 0) yield rows;
  }
}

async function readBatch({ database }: StoreContext, mailbox: number, uids: UidSet, wants: MessageWants): Promise<readonly MessageRow[]> {
  const found = sql`select messages.uid, messages.modseq, messages.flag_code, messages.internaldate, messages.size, messages.content_id, messages.recipient,
    messages.own_header from ${messagesAmong(database.engine, mailbox, uids)} order by messages.uid limit ${sql.lit(BATCH)}`;
  const long = sql`octet_length(contents.message_index) > ${sql.lit(SHORT_INDEX)}`;
  const { rows } = await sql<MessageRow>`select them.*, contents.location,
      ${wants.thread ? sql`content_headers.thread_id` : sql`null as thread_id`},
      ${wantsParsed(wants) ? sql`case when not (${long}) then ${wants.index ? sql`contents.message_index` : envelopeAlone(database.engine)} end as message_index, ${long} as long_index` : sql`null as message_index, null as long_index`}
    from (${found}) as them join contents on contents.id = them.content_id
    ${wants.thread ? sql`left join content_headers on content_headers.content_id = them.content_id` : sql``}
    order by them.uid`.execute(database.reader);
  return rows;
}

/** The index is JSON whose first value is the envelope, before the root part; within a string its quotes would be escaped. */
function envelopeAlone(engine: Engine) {
  const end = sql.lit(',"root":');
  const at = engine === 'postgres' ? sql`strpos(contents.message_index, ${end})` : sql`instr(contents.message_index, ${end})`;
  return sql`substr(contents.message_index, 1, ${at} - 1) || '}'`;
}

const wantsParsed = ({ index, envelope }: MessageWants): boolean => Boolean(index || envelope);

/** Nothing when the message was expunged meanwhile. */
async function withIndex({ database }: StoreContext, row: MessageRow): Promise<readonly MessageRow[]> {
  const found = await database.reader.selectFrom('contents').select('message_index').where('id', '=', row.content_id).executeTakeFirst();
  return found ? [{ ...row, ...found }] : [];
}

function after(set: UidSet, uid: number): UidSet {
  return set.flatMap(([first, last]): UidSet => (last <= uid ? [] : [[Math.max(first, uid + 1), last]]));
}

async function infoOf(contents: ColdStore, row: MessageRow, wants: MessageWants): Promise<MessageInfo> {
  const lacking = (wants.thread && row.thread_id === null) || (wantsParsed(wants) && row.message_index === null);
  // Delivered by a version that did not parse, and the indexer has not come by yet.
  const parsed = lacking ? await parseMessage(await contents.read(row.location), WITHOUT_TEXT) : null;
  const thread = row.thread_id ?? (parsed ? threadId(row.content_id, parsed) : '');
  return new StoredMessage(contents, row, thread, wants, parsed?.index ?? row.message_index);
}

/** Made of its row as it is asked: a class, for a getter in an object literal costs each object a hidden class of its own. */
class StoredMessage implements MessageInfo {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: number;
  readonly receivedAt: number;
  readonly size: number;
  readonly threadId: string;
  readonly content: MessageContent;
  readonly #row: MessageRow;
  readonly #wants: MessageWants;
  /** As JSON until it is asked for: a whole batch would keep the loop. */
  #parsed: MessageIndex | Pick<MessageIndex, 'env'> | string | null;

  constructor(contents: ColdStore, row: MessageRow, thread: string, wants: MessageWants, parsed: MessageIndex | string | null) {
    this.uid = row.uid;
    this.modseq = row.modseq;
    this.flags = row.flag_code;
    this.receivedAt = row.internaldate;
    this.size = row.size;
    this.threadId = thread;
    this.content = new StoredContent(contents, row);
    this.#row = row;
    this.#wants = wants;
    this.#parsed = parsed;
  }

  get emailId(): string {
    return emailId(this.#row.content_id, this.#row.recipient);
  }

  get index(): MessageIndex | null {
    return this.#wants.index ? (this.#read() as MessageIndex | null) : null;
  }

  get envelope(): Envelope | null {
    return wantsParsed(this.#wants) ? (this.#read()?.env ?? null) : null;
  }

  #read(): Pick<MessageIndex, 'env'> | null {
    if (typeof this.#parsed === 'string') this.#parsed = JSON.parse(this.#parsed) as Pick<MessageIndex, 'env'>;
    return this.#parsed;
  }
}

/** RFC 8474 section 5.1: the content and whose own header stands above it; copies keep both. */
export function emailId(contentId: string, recipient: number): string {
  return `M${contentId}-${recipient}`;
}

class StoredContent implements MessageContent {
  readonly ownHeader: Buffer;
  readonly size: number;
  readonly #contents: ColdStore;
  readonly #location: string;

  constructor(contents: ColdStore, { own_header, size, location }: MessageRow) {
    this.ownHeader = Buffer.from(own_header);
    this.size = size;
    this.#contents = contents;
    this.#location = location;
  }

  async open(): Promise<Octets> {
    const content = await this.#contents.read(this.#location);
    return Buffer.isBuffer(content) ? [this.ownHeader, content] : chain([this.ownHeader], inPieces(content));
  }

  async *read(start = 0, end = this.size): AsyncGenerator<Buffer> {
    const { ownHeader } = this;
    const own = ownHeader.subarray(start, end);
    if (own.length > 0) yield own;
    if (end > ownHeader.length) yield* slice(this.#contents, this.#location, Math.max(0, start - ownHeader.length), end - ownHeader.length);
  }
}

async function* chain(...parts: readonly Octets[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield* part;
}

async function* slice(contents: ColdStore, location: string, start: number, end: number): AsyncGenerator<Buffer> {
  if (start >= end) return;
  let wanted = end - start;
  for await (const piece of inPieces(await contents.read(location, start))) {
    if (wanted === 0) return;
    yield piece.subarray(0, wanted);
    wanted -= piece.length;
    // A stream that is read to its end needs not be aborted.
    if (wanted < 0) return;
  }
}
