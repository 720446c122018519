// APPEND and MULTIAPPEND (RFC 3502): each message streams into the content store and through the parser; rows follow in one transaction, all or
// none. Owns the content until it is committed; what a crash leaves, the sweep finds.

import { runTogether } from '#shared/sql/bulk.ts';
import type { AppendedMessage, Appending } from './account-store.ts';
import { lockAccount } from './accounts.ts';
import { contentInsertions } from './content-rows.ts';
import { hasRoom, messagesInsertion, USAGE } from './filing.ts';
import { type Flags, parseFlags } from './flag-code.ts';
import type { KeywordSets } from './keyword-sets.ts';
import { mailboxName } from './mailbox-names.ts';
import { advance, lockMailbox } from './mailbox-rows.ts';
import type { Refusal } from './refusal.ts';
import { assertFresh, type StoredContent, storeContent } from './store-content.ts';
import { change, type StoreContext } from './store-context.ts';

interface Appended {
  readonly content: StoredContent;
  readonly flags: Flags;
  readonly receivedAt: number;
}

type Committed = Awaited<ReturnType<Appending['commit']>>;

/** Of one APPEND, which memory holds until it is committed: messages, and characters of what was read of them. */
const MOST_MESSAGES = 1000;
const MOST_TEXT = 32 * 1024 * 1024;
const TOO_MUCH: Refusal = { kind: 'refused', code: 'LIMIT', text: 'too many messages at once' };
const OVER_QUOTA: Refusal = { kind: 'refused', code: 'OVERQUOTA', text: 'the mailbox is full' };

export async function beginAppend(context: StoreContext, account: number, keywords: KeywordSets, given: string): Promise<Appending | Refusal> {
  const { reader } = context.database;
  const row = await reader
    .selectFrom('mailboxes')
    .innerJoin('accounts', 'accounts.id', 'mailboxes.account_id')
    .select(['mailboxes.id', ...USAGE])
    .where('account_id', '=', account)
    .where('name', '=', mailboxName(given))
    .executeTakeFirst();
  if (!row) return { kind: 'refused', code: 'TRYCREATE', text: 'there is no mailbox with this name' };
  const added: Appended[] = [];
  let refused: Refusal | null = null;
  let bytes = 0;
  let text = 0;

  const fits = (size: number, messages: number): boolean => hasRoom(row, context.quota(), size, messages);
  async function store(content: AsyncIterable<Buffer>, message: AppendedMessage): Promise<Refusal | null> {
    const flags = parseFlags(message.flags);
    const refusal = refused ?? refusalOf(message);
    if ('kind' in flags || refusal) {
      await drain(content);
      return refusal ?? ('kind' in flags ? flags : null);
    }
    const stored = await storeContent(context.contents, context.clock, content);
    bytes += stored.size;
    text += stored.index.length;
    added.push({ content: stored, flags, receivedAt: message.receivedAt ?? context.clock.now() });
    return fits(bytes, added.length) ? null : OVER_QUOTA;
  }
  function refusalOf({ size = 0 }: AppendedMessage): Refusal | null {
    if (added.length >= MOST_MESSAGES || text >= MOST_TEXT) return TOO_MUCH;
    return fits(bytes + size, added.length + 1) ? null : OVER_QUOTA;
  }
  async function giveBack(unwanted: readonly Appended[]): Promise<void> {
    for (const { content } of unwanted) await context.contents.remove(content.location);
  }

  return {
    kind: 'appending',
    async add(content, message) {
      refused = await store(content, message);
      return refused ?? { kind: 'added' };
    },
    async commit() {
      // After an error the content stays: the rows may have been committed. The sweep knows.
      const taken = added.splice(0);
      const result = refused ?? (await commitAppended(context, account, row.id, keywords, taken));
      if (result.kind === 'refused') await giveBack(taken);
      return result;
    },
    abort: () => giveBack(added.splice(0)),
  };
}

async function drain(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of content);
}

async function commitAppended(
  context: StoreContext,
  account: number,
  mailboxId: number,
  keywords: KeywordSets,
  added: readonly Appended[],
): Promise<Committed> {
  const { engine } = context.database;
  let made = new Map<number, readonly string[]>();
  const result = await change(context, async (changing): Promise<Committed> => {
    made = new Map();
    const { db } = changing;
    const owner = await lockAccount(db, engine, account);
    const there = await db.selectFrom('mailboxes').select('id').where('id', '=', mailboxId).where('account_id', '=', account).executeTakeFirst();
    if (!there) return { kind: 'refused', code: 'TRYCREATE', text: 'the mailbox was deleted' };
    const mailbox = await lockMailbox(db, engine, account, mailboxId);
    const bytes = added.reduce((sum, { content }) => sum + content.size, 0);
    if (!hasRoom(owner, context.quota(), bytes, added.length)) return OVER_QUOTA;
    const highestmodseq = mailbox.highestmodseq + 1;
    const rows = [];
    for (const [index, { content, flags, receivedAt }] of added.entries()) {
      const code = await keywords.change(db, [0], 'replace', flags);
      if (code.kind === 'refused') return code;
      for (const [set, its] of code.made) made.set(set, its);
      rows.push({
        ...{ mailbox_id: mailbox.id, uid: mailbox.uidnext + index, modseq: highestmodseq, content_id: content.id, own_header: '' },
        ...{ internaldate: receivedAt, size: content.size, flag_code: code.codes.get(0) ?? 0, queue_id: '', recipient: 0 },
      });
    }
    const contents = added.map(({ content }) => ({ content, references: 1 }));
    await runTogether(db, engine, [...contentInsertions(engine, contents), messagesInsertion(engine, rows)]);
    await advance(db, mailbox, { uidnext: mailbox.uidnext + added.length, highestmodseq });
    await db
      .updateTable('accounts')
      .set({ used_bytes: owner.used_bytes + bytes, used_messages: owner.used_messages + added.length })
      .where('id', '=', account)
      .execute();
    assertFresh(
      context.clock,
      added.map(({ content }) => content),
    );
    changing.changed(account, mailbox.id, highestmodseq);
    return { kind: 'appended', mailbox: mailbox.id, uidvalidity: mailbox.uidvalidity, uids: rows.map(({ uid }) => uid) };
  });
  if (result.kind === 'appended') keywords.remember(made);
  return result;
}
