// The mailboxes of an account as a tree of names: made, deleted, renamed and subscribed with the account's row locked, so that two
// sessions cannot make one name twice. Refusals are values; a removed account throws.
import { sql } from 'kysely';
import { isOneOf } from '#shared/sql/bulk.ts';
import type { Listing, MailboxInfo, SpecialUse } from './account-store.ts';
import { firstUidvalidity, lockAccount, newMailbox } from './accounts.ts';
import { moveAll } from './copy-messages.ts';
import { acceptableName, INBOX, isBelow, mailboxName, parentsOf } from './mailbox-names.ts';
import type { Refusal } from './refusal.ts';
import { removeMessages } from './remove-messages.ts';
import { type Change, change, type StoreContext } from './store-context.ts';

const MAX_MAILBOXES = 10_000;
const MAX_SUBSCRIPTIONS = 10_000;

interface MailboxRow {
  readonly id: number;
  readonly name: string;
  readonly special_use: string | null;
  readonly uidvalidity: number;
}

const COLUMNS = ['id', 'name', 'special_use', 'uidvalidity'] as const;

export async function listing({ database }: StoreContext, account: number): Promise<Listing> {
  const { rows } = await sql<MailboxRow>`select id, name, special_use, uidvalidity from mailboxes where account_id = ${account}
    union all select 0, name, null, 0 from subscriptions where account_id = ${account}`.execute(database.reader);
  return {
    mailboxes: rows
      .filter(({ id }) => id !== 0)
      .map(infoOf)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    subscriptions: new Set(rows.filter(({ id }) => id === 0).map(({ name }) => name)),
  };
}

export async function findMailbox({ database }: StoreContext, account: number, name: string): Promise<MailboxInfo | null> {
  const row = await database.reader
    .selectFrom('mailboxes')
    .select(COLUMNS)
    .where('account_id', '=', account)
    .where('name', '=', mailboxName(name))
    .executeTakeFirst();
  return row ? infoOf(row) : null;
}

export async function createMailbox(
  context: StoreContext,
  account: number,
  given: string,
  specialUse: SpecialUse | undefined,
): Promise<{ readonly kind: 'created'; readonly mailbox: MailboxInfo } | Refusal> {
  const name = acceptableName(given);
  if (typeof name !== 'string') return name;
  return await changeTree(context, account, async (changing, tree) => {
    if (tree.some((mailbox) => mailbox.name === name)) return refusal('ALREADYEXISTS', 'there is a mailbox with this name');
    if (specialUse && tree.some(({ special_use }) => special_use === specialUse)) return refusal('USEATTR', 'another mailbox has this use');
    const made = await makeWithParents(changing, context, account, tree, name, specialUse ?? null);
    return made.kind === 'refused' ? made : { kind: 'created', mailbox: infoOf(made) };
  });
}

export async function deleteMailbox(
  context: StoreContext,
  account: number,
  given: string,
): Promise<{ readonly kind: 'deleted'; readonly mailbox: MailboxInfo } | Refusal> {
  const name = mailboxName(given);
  if (name === INBOX) return refusal('CANNOT', 'INBOX stays');
  return await changeTree(context, account, async (changing, tree) => {
    const found = tree.find((mailbox) => mailbox.name === name);
    if (!found) return tree.some((other) => isBelow(other.name, name)) ? refusal('HASCHILDREN', 'the name has mailboxes below it') : nonexistent();
    await removeMessages(changing, context, { account, mailbox: found.id }, 'all');
    await changing.db.deleteFrom('vanished').where('mailbox_id', '=', found.id).execute();
    await changing.db.deleteFrom('mailboxes').where('id', '=', found.id).execute();
    changing.gone(account, found.id);
    return { kind: 'deleted', mailbox: infoOf(found) };
  });
}

export async function renameMailbox(context: StoreContext, account: number, from: string, given: string): Promise<{ readonly kind: 'renamed' } | Refusal> {
  const to = acceptableName(given);
  if (typeof to !== 'string') return to;
  const old = mailboxName(from);
  return await changeTree(context, account, async (changing, tree) => {
    if (old === INBOX) return await renameInbox(changing, context, account, tree, to);
    const moved = tree.filter(({ name }) => name === old || isBelow(name, old)).map((mailbox) => ({ ...mailbox, to: to + mailbox.name.slice(old.length) }));
    if (moved.length === 0) return nonexistent();
    if (isBelow(to, old)) return refusal('CANNOT', 'a mailbox cannot be moved below itself');
    const taken = new Set(tree.map(({ name }) => name));
    if (moved.some((mailbox) => taken.has(mailbox.to))) return refusal('ALREADYEXISTS', 'there is a mailbox with this name');
    const unfit = moved.map((mailbox) => acceptableName(mailbox.to)).find((name) => typeof name !== 'string');
    if (unfit) return unfit as Refusal;
    for (const parent of parentsOf(to)) {
      if (taken.has(parent)) continue;
      const made = await makeWithParents(changing, context, account, tree, parent, null);
      if (made.kind === 'refused') return made;
    }
    for (const mailbox of moved) await changing.db.updateTable('mailboxes').set({ name: mailbox.to }).where('id', '=', mailbox.id).execute();
    return { kind: 'renamed' };
  });
}

/** RFC 9051 section 6.3.6: its messages go into a new mailbox, its children stay. */
async function renameInbox(
  changing: Change,
  context: StoreContext,
  account: number,
  tree: MailboxRow[],
  to: string,
): Promise<{ readonly kind: 'renamed' } | Refusal> {
  if (tree.some(({ name }) => name === to)) return refusal('ALREADYEXISTS', 'there is a mailbox with this name');
  const inbox = tree.find(({ name }) => name === INBOX);
  if (!inbox) return nonexistent();
  const made = await makeWithParents(changing, context, account, tree, to, null);
  if (made.kind === 'refused') return made;
  await moveAll(changing, context, account, inbox.id, made.id);
  return { kind: 'renamed' };
}

export async function subscribe(context: StoreContext, account: number, given: string): Promise<{ readonly kind: 'subscribed' } | Refusal> {
  const name = acceptableName(given);
  if (typeof name !== 'string') return name;
  return await change(context, async (changing) => {
    const { db } = changing;
    await lockAccount(db, context.database.engine, account);
    const { rows } = await sql<{ count: number }>`select count(*) as count from subscriptions where account_id = ${account}`.execute(db);
    if ((rows[0]?.count ?? 0) >= MAX_SUBSCRIPTIONS) return refusal('LIMIT', 'too many subscriptions');
    await db
      .insertInto('subscriptions')
      .values({ account_id: account, name })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    changing.mailboxesChanged(account);
    return { kind: 'subscribed' };
  });
}

export async function unsubscribe(context: StoreContext, account: number, name: string): Promise<void> {
  const names = [...new Set([name, mailboxName(name.endsWith('/') ? name.slice(0, -1) : name)])];
  await change(context, async (changing) => {
    await changing.db
      .deleteFrom('subscriptions')
      .where('account_id', '=', account)
      .where(isOneOf(context.database.engine, 'name', names))
      .execute();
    changing.mailboxesChanged(account);
  });
}

/** With the account locked; `tree` is all its mailboxes, and those that `work` makes. */
async function changeTree<T extends { readonly kind: string }>(
  context: StoreContext,
  account: number,
  work: (changing: Change, tree: MailboxRow[]) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  return await change(context, async (changing) => {
    await lockAccount(changing.db, context.database.engine, account);
    const tree = await changing.db.selectFrom('mailboxes').select(COLUMNS).where('account_id', '=', account).execute();
    const result = await work(changing, tree);
    if (result.kind !== 'refused') changing.mailboxesChanged(account);
    return result;
  });
}

async function makeWithParents(
  changing: Change,
  context: StoreContext,
  account: number,
  tree: MailboxRow[],
  name: string,
  specialUse: SpecialUse | null,
): Promise<(MailboxRow & { readonly kind: 'made' }) | Refusal> {
  const names = [...parentsOf(name).filter((parent) => !tree.some((mailbox) => mailbox.name === parent)), name];
  if (tree.length + names.length > MAX_MAILBOXES) return refusal('LIMIT', 'too many mailboxes');
  const { last_uidvalidity } = await lockAccount(changing.db, context.database.engine, account);
  const first = Math.max(last_uidvalidity + 1, firstUidvalidity(context.clock.now()));
  const rows = names.map((each, index) => ({ account_id: account, name: each, special_use: each === name ? specialUse : null, ...newMailbox(first + index) }));
  const made = await changing.db.insertInto('mailboxes').values(rows).returning(COLUMNS).execute();
  await changing.db
    .updateTable('accounts')
    .set({ last_uidvalidity: first + names.length - 1 })
    .where('id', '=', account)
    .execute();
  tree.push(...made);
  const own = made.find((mailbox) => mailbox.name === name);
  if (!own) throw new Error(`the mailbox ${name} was not made`);
  return { kind: 'made', ...own };
}

const infoOf = ({ id, name, special_use, uidvalidity }: MailboxRow): MailboxInfo => ({
  ...{ id, objectId: `F${id}`, name, uidvalidity },
  specialUse: special_use as SpecialUse | null,
});

function refusal(code: Refusal['code'], text: string): Refusal {
  return { kind: 'refused', code, text };
}

const nonexistent = (): Refusal => refusal('NONEXISTENT', 'there is no mailbox with this name');
