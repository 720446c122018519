// Files a batch of deliveries in one transaction: accounts and mailboxes are locked in id order until commit, so that no
// UID or MODSEQ n+1 is seen before n and two batches cannot wait for each other. A repeated delivery changes nothing.
import type { CompiledQuery, Transaction } from 'kysely';
import { type Columns, insertionOf, isOneOf, rowOf, runTogether, updateOf } from '#shared/sql/bulk.ts';
import type { Engine } from '#shared/sql/database.ts';
import { contentInsertions } from './content-rows.ts';
import { INBOX, mailboxName } from './mailbox-names.ts';
import type { DeliveryResult, LocalDelivery } from './mailstore.ts';
import type { MailstoreTables, MessagesTable } from './schema.ts';
import type { StoredContent } from './store-content.ts';
import type { Change, QuotaLimits } from './store-context.ts';

/** One content and those it is for. */
export interface Filing {
  readonly content: StoredContent;
  readonly deliveries: readonly LocalDelivery[];
}

export interface FilingRules {
  readonly engine: Engine;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly quota: QuotaLimits;
}

export interface LockedAccount {
  readonly id: number;
  readonly address: string;
  used_bytes: number;
  used_messages: number;
  readonly quota_bytes: number | null;
  readonly quota_messages: number | null;
}

interface LockedMailbox {
  readonly id: number;
  readonly account_id: number;
  readonly name: string;
  uidnext: number;
  highestmodseq: number;
}

type Db = Transaction<MailstoreTables>;

const MESSAGE: Columns = {
  mailbox_id: 'bigint',
  uid: 'bigint',
  modseq: 'bigint',
  content_id: 'text',
  own_header: 'text',
  internaldate: 'bigint',
  size: 'bigint',
  flag_code: 'bigint',
  queue_id: 'text',
  recipient: 'bigint',
};
const STANDING: Columns = { uidnext: 'bigint', highestmodseq: 'bigint', id: 'bigint' };
const USED: Columns = { used_bytes: 'bigint', used_messages: 'bigint', id: 'bigint' };
const DELIVERY: Columns = { queue_id: 'text', recipient: 'bigint', mailbox_id: 'bigint', uid: 'bigint', delivered_at: 'bigint' };

/** Results in the order of the filings and of their deliveries. */
export async function fileBatch(change: Change, rules: FilingRules, filings: readonly Filing[]): Promise<readonly (readonly DeliveryResult[])[]> {
  const { db } = change;
  const deliveries = filings.flatMap((filing) => filing.deliveries);
  const accounts = await lockAccounts(db, rules.engine, deliveries);
  if (accounts.size === 0) return filings.map((filing) => filing.deliveries.map(() => ({ kind: 'no-such-account' })));
  const mailboxes = await lockMailboxes(db, rules.engine, accounts, deliveries);
  const known = await knownDeliveries(db, rules.engine, deliveries);
  const messages: MessagesTable[] = [];
  const results = filings.map(({ content, deliveries: own }) => own.map((delivery) => fileOne(content, delivery)));
  await write(change, rules, filings, messages, accounts, mailboxes);
  return results;

  function fileOne(content: StoredContent, delivery: LocalDelivery): DeliveryResult {
    const account = accounts.get(delivery.account);
    const mailbox = account && (mailboxes.get(mailboxKey(account.id, delivery.mailbox)) ?? mailboxes.get(mailboxKey(account.id, INBOX)));
    if (!mailbox) return { kind: 'no-such-account' };
    const key = deliveryKey(delivery.queueId, delivery.recipient, mailbox.id);
    const uid = known.get(key) ?? (mailbox.name === mailboxName(delivery.mailbox) ? undefined : known.get(deliveryKey(delivery.queueId, delivery.recipient)));
    if (uid !== undefined) return { kind: 'stored', uid, repeated: true };
    const message = newMessage(content, delivery, mailbox);
    if (!hasRoom(account, rules.quota, message.size)) return { kind: 'over-quota' };
    account.used_bytes += message.size;
    account.used_messages++;
    mailbox.uidnext = message.uid + 1;
    mailbox.highestmodseq = message.modseq;
    known.set(key, message.uid);
    messages.push(message);
    return { kind: 'stored', uid: message.uid, repeated: false };
  }
}

export type Usage = Omit<LockedAccount, 'id' | 'address'>;
export const USAGE = ['used_bytes', 'used_messages', 'quota_bytes', 'quota_messages'] as const;

/** The account's own quota, else the one for all; 0 is none. */
export function quotaOf(account: Usage, quota: QuotaLimits): QuotaLimits {
  return { bytes: account.quota_bytes ?? quota.bytes, messages: account.quota_messages ?? quota.messages };
}

/** Whether `messages` more of `size` octets together fit. */
export function hasRoom(account: Usage, quota: QuotaLimits, size: number, messages = 1): boolean {
  const limits = quotaOf(account, quota);
  if (limits.bytes > 0 && account.used_bytes + size > limits.bytes) return false;
  return limits.messages <= 0 || account.used_messages + messages <= limits.messages;
}

const mailboxKey = (account: number, name: string): string => `${account} ${mailboxName(name)}`;
/** Without a mailbox: into any. */
const deliveryKey = (queueId: string, recipient: number, mailbox: number | '' = ''): string => `${queueId} ${recipient} ${mailbox}`;
const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

function newMessage(content: StoredContent, delivery: LocalDelivery, mailbox: LockedMailbox): MessagesTable {
  return {
    mailbox_id: mailbox.id,
    uid: mailbox.uidnext,
    modseq: mailbox.highestmodseq + 1,
    content_id: content.id,
    own_header: delivery.ownHeader,
    internaldate: delivery.receivedAt,
    size: content.size + Buffer.byteLength(delivery.ownHeader),
    flag_code: 0,
    queue_id: delivery.queueId,
    recipient: delivery.recipient,
  };
}

async function lockAccounts(db: Db, engine: Engine, deliveries: readonly LocalDelivery[]): Promise<Map<string, LockedAccount>> {
  const addresses = distinct(deliveries.map(({ account }) => account));
  const query = db
    .selectFrom('accounts')
    .select(['id', 'address', ...USAGE])
    .where(isOneOf(engine, 'address', addresses))
    .orderBy('id');
  const rows = await (engine === 'postgres' ? query.forNoKeyUpdate() : query).execute();
  return new Map(rows.map((row) => [row.address, { ...row }]));
}

async function lockMailboxes(
  db: Db,
  engine: Engine,
  accounts: ReadonlyMap<string, LockedAccount>,
  deliveries: readonly LocalDelivery[],
): Promise<Map<string, LockedMailbox>> {
  const ids = [...accounts.values()].map(({ id }) => id);
  const names = distinct([INBOX, ...deliveries.map(({ mailbox }) => mailboxName(mailbox))]);
  const query = db
    .selectFrom('mailboxes')
    .select(['id', 'account_id', 'name', 'uidnext', 'highestmodseq'])
    .where(isOneOf(engine, 'account_id', ids))
    .where(isOneOf(engine, 'name', names))
    .orderBy('id');
  const rows = await (engine === 'postgres' ? query.forNoKeyUpdate() : query).execute();
  return new Map(rows.map((row) => [mailboxKey(row.account_id, row.name), { ...row }]));
}

async function knownDeliveries(db: Db, engine: Engine, deliveries: readonly LocalDelivery[]): Promise<Map<string, number>> {
  const queueIds = distinct(deliveries.map(({ queueId }) => queueId));
  const rows = await db
    .selectFrom('deliveries')
    .select(['queue_id', 'recipient', 'mailbox_id', 'uid'])
    .where(isOneOf(engine, 'queue_id', queueIds))
    .execute();
  // A message whose mailbox is gone would go to INBOX: its delivery counts there, too.
  const anywhere = rows.map((row) => [deliveryKey(row.queue_id, row.recipient), row.uid] as const);
  return new Map([...anywhere, ...rows.map((row) => [deliveryKey(row.queue_id, row.recipient, row.mailbox_id), row.uid] as const)]);
}

async function write(
  change: Change,
  { engine, now }: FilingRules,
  filings: readonly Filing[],
  messages: readonly MessagesTable[],
  accounts: ReadonlyMap<string, LockedAccount>,
  mailboxes: ReadonlyMap<string, LockedMailbox>,
): Promise<void> {
  if (messages.length === 0) return;
  const { db } = change;
  const references = Map.groupBy(messages, ({ content_id }) => content_id);
  const contents = filings.flatMap(({ content }) => {
    const count = references.get(content.id)?.length;
    return count ? [{ content, references: count }] : [];
  });
  const delivered = messages.map(({ queue_id, recipient, mailbox_id, uid }) => [queue_id, recipient, mailbox_id, uid, now]);
  const filled = new Set(messages.map(({ mailbox_id }) => mailbox_id));
  const touched = [...mailboxes.values()].filter(({ id }) => filled.has(id));
  const owners = new Set(touched.map(({ account_id }) => account_id));
  const used = [...accounts.values()].filter(({ id }) => owners.has(id));
  await runTogether(db, engine, [
    ...contentInsertions(engine, contents),
    messagesInsertion(engine, messages),
    insertionOf(engine, 'deliveries', DELIVERY, delivered),
    updateOf(
      engine,
      'mailboxes',
      STANDING,
      touched.map((mailbox) => rowOf(STANDING, mailbox)),
    ),
    updateOf(
      engine,
      'accounts',
      USED,
      used.map((account) => rowOf(USED, account)),
    ),
  ]);
  for (const { account_id, id, highestmodseq } of touched) change.changed(account_id, id, highestmodseq);
}

/** The statement that inserts rows whose content is there. */
export function messagesInsertion(engine: Engine, messages: readonly MessagesTable[]): CompiledQuery {
  return insertionOf(
    engine,
    'messages',
    MESSAGE,
    messages.map((message) => rowOf(MESSAGE, message)),
  );
}
