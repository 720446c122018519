// Verifies the mail store: rows against each other and against content. Reads only; what changes while it reads is asked again before it is
// called a problem. Fails when the database is away.
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { ContentMissingError, inPieces } from '#shared/spool/cold-store.ts';
import { readStored, readWhole } from './mailbox-queries.ts';
import type { MessageColumns } from './mailbox-store.ts';
import type { CheckFinding } from './mailstore.ts';
import { MailboxGoneError } from './refusal.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';

const PAGE = 500;
/** How often a mailbox that changes all the time is looked at. */
const ATTEMPTS = 5;

interface Account {
  readonly id: number;
  readonly address: string;
  readonly used_bytes: number;
  readonly used_messages: number;
  readonly held_bytes: number;
  readonly held_messages: number;
}

interface Mailbox {
  readonly id: number;
  readonly name: string;
}

interface Row {
  readonly uid: number;
  readonly modseq: number;
  readonly size: number;
  readonly own_header: string;
  readonly id: string;
  readonly location: string;
  readonly content_size: number;
  readonly digest: string;
  readonly reference_count: number;
  readonly copies: number;
}

type Problem = Extract<CheckFinding, { kind: 'problem' }>;

export async function* checkStore(
  context: StoreContext,
  { account, digests = false }: { readonly account?: string; readonly digests?: boolean },
): AsyncGenerator<CheckFinding> {
  const only = account === undefined ? sql`1 = 1` : sql`address = ${account}`;
  const { rows: accounts } =
    await sql<Account>`select id, address, used_bytes, used_messages, coalesce(held.bytes, 0) as held_bytes, coalesce(held.messages, 0) as held_messages
    from accounts left join (select account_id, count(*) as messages, cast(sum(size) as bigint) as bytes
      from messages join mailboxes on mailboxes.id = messages.mailbox_id group by account_id) as held on held.account_id = accounts.id
    where ${only} order by address`.execute(context.database.reader);
  for (const one of accounts) yield* checkAccount(context, one, digests);
}

async function* checkAccount(context: StoreContext, account: Account, digests: boolean): AsyncGenerator<CheckFinding> {
  const { address } = account;
  if (account.used_bytes !== account.held_bytes || account.used_messages !== account.held_messages) {
    const counted = `${account.used_messages} messages of ${account.used_bytes} octets are counted, ${account.held_messages} of ${account.held_bytes} are there`;
    yield { kind: 'problem', account: address, mailbox: '', uid: null, what: counted };
  }
  const mailboxes = await context.database.reader.selectFrom('mailboxes').select(['id', 'name']).where('account_id', '=', account.id).orderBy('name').execute();
  let messages = 0;
  let bytes = 0;
  for (const mailbox of mailboxes) {
    for await (const { row, problems } of checkMailbox(context, mailbox, digests)) {
      messages++;
      bytes += row.size;
      for (const what of problems) yield { kind: 'problem', account: address, mailbox: mailbox.name, uid: row.uid, what } satisfies Problem;
    }
    const what = await snapshotProblem(context, { account: account.id, mailbox: mailbox.id }).catch(unlessGone);
    if (what) yield { kind: 'problem', account: address, mailbox: mailbox.name, uid: null, what };
  }
  yield { kind: 'checked', account: address, mailboxes: mailboxes.length, messages, bytes };
}

/** What SELECT reads from the stored snapshot is to be what the rows say; asked again when the mailbox changed between the two. */
async function snapshotProblem(context: StoreContext, place: Place): Promise<string | null> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const stored = await readStored(context, place);
    if (stored.modseq === null || stored.messages === null) return null;
    const whole = await readWhole(context, place);
    if (stored.state.highestmodseq !== whole.state.highestmodseq) continue;
    const differs = differing(stored.messages, whole.messages);
    return differs && `its stored snapshot differs from its rows ${differs}: delete the row of mailbox_snapshots with mailbox_id ${place.mailbox}`;
  }
  return null;
}

function unlessGone(error: unknown): null {
  if (error instanceof MailboxGoneError) return null;
  throw error;
}

function differing(stored: MessageColumns, rows: MessageColumns): string | null {
  if (stored.uids.length !== rows.uids.length) return `(${stored.uids.length} messages, ${rows.uids.length} are there)`;
  const at = rows.uids.findIndex((uid, at) => uid !== stored.uids[at] || rows.modseqs[at] !== stored.modseqs[at] || rows.flags[at] !== stored.flags[at]);
  return at < 0 ? null : `(first at UID ${rows.uids[at]})`;
}

async function* checkMailbox(context: StoreContext, mailbox: Mailbox, digests: boolean): AsyncGenerator<{ row: Row; problems: readonly string[] }> {
  for (let after = 0; ; ) {
    const rows = await readPage(context, mailbox.id, after);
    const { uidnext, highestmodseq } = await readBounds(context, mailbox);
    for (const row of rows) {
      const problems = [...rowProblems(row), ...(await contentProblems(context, mailbox.id, row, digests))];
      if (row.uid >= uidnext) problems.push('its UID is not below UIDNEXT');
      if (row.modseq > highestmodseq) problems.push('its modseq is above HIGHESTMODSEQ');
      yield { row, problems };
    }
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.uid ?? 0;
  }
}

/** Read after the rows: what a delivery or change since has raised is no problem. */
async function readBounds({ database }: StoreContext, { id }: Mailbox): Promise<{ uidnext: number; highestmodseq: number }> {
  const row = await database.reader.selectFrom('mailboxes').select(['uidnext', 'highestmodseq']).where('id', '=', id).executeTakeFirst();
  return row ?? { uidnext: Number.POSITIVE_INFINITY, highestmodseq: Number.POSITIVE_INFINITY };
}

async function readPage({ database }: StoreContext, mailbox: number, after: number): Promise<readonly Row[]> {
  const { rows } = await sql<Row>`select uid, modseq, messages.size, own_header, contents.id, location, contents.size as content_size, digest, reference_count,
      (select count(*) from messages as other where other.content_id = contents.id) as copies
    from messages join contents on contents.id = messages.content_id
    where mailbox_id = ${mailbox} and uid > ${after} order by uid limit ${sql.lit(PAGE)}`.execute(database.reader);
  return rows;
}

function rowProblems(row: Row): readonly string[] {
  const problems = [];
  if (row.size !== row.content_size + Buffer.byteLength(row.own_header)) problems.push(`its size is ${row.size}, not that of its header and content`);
  if (row.reference_count !== row.copies) problems.push(`its content has ${row.copies} copies, ${row.reference_count} are counted`);
  return problems;
}

async function contentProblems(context: StoreContext, mailbox: number, row: Row, digests: boolean): Promise<readonly string[]> {
  const digest = createHash('sha256');
  let size = 0;
  try {
    for await (const piece of inPieces(await context.contents.read(row.location))) {
      size += piece.length;
      if (digests) digest.update(piece);
    }
  } catch (error) {
    if (!(error instanceof ContentMissingError)) throw error;
    return (await isThere(context, mailbox, row.uid)) ? [`its content cannot be read: ${error.message}`] : [];
  }
  if (size !== row.content_size) return [`its content has ${size} octets, not ${row.content_size}`];
  return digests && digest.digest('hex') !== row.digest ? ['its content is not what was delivered: the digest differs'] : [];
}

async function isThere({ database }: StoreContext, mailbox: number, uid: number): Promise<boolean> {
  return (await database.db.selectFrom('messages').select('uid').where('mailbox_id', '=', mailbox).where('uid', '=', uid).executeTakeFirst()) !== undefined;
}
