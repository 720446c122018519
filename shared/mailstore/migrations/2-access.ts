// What IMAP and POP3 need besides: parsed messages, full-text index, subscriptions, keywords, expunges, locks. Contents that were
// delivered before wait in the index queue, to be parsed by the indexer.
import { type ColumnDefinitionBuilder, sql } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

type Db = Parameters<Migration>[0];
type Engine = Parameters<Migration>[1];

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull();
const zero = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(0);
const one = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(1);

export async function createAccessTables(...[db, engine]: Parameters<Migration>): Promise<void> {
  await extendMailboxes(db);
  await extendMessages(db);
  await createContentTables(db, engine);
  await createTextIndex(db, engine);
  await createKeywordSets(db, engine);
  await createVanished(db);
  await freeDeliveries(db);
  await createLocks(db);
  await sql`insert into index_queue (content_id) select id from contents`.execute(db);
}

async function extendMailboxes(db: Db): Promise<void> {
  await db.schema.alterTable('accounts').addColumn('last_uidvalidity', 'bigint', zero).execute();
  await db.schema.alterTable('accounts').addColumn('quota_bytes', 'bigint').execute();
  await db.schema.alterTable('accounts').addColumn('quota_messages', 'bigint').execute();
  // The first mailboxes of an account had the same one. Nobody has read them over IMAP yet.
  await sql`update mailboxes set uidvalidity = uidvalidity + id
    - (select min(other.id) from mailboxes as other where other.account_id = mailboxes.account_id)`.execute(db);
  await sql`update accounts set last_uidvalidity
    = coalesce((select max(uidvalidity) from mailboxes where mailboxes.account_id = accounts.id), 0)`.execute(db);
  await db.schema
    .createTable('subscriptions')
    .addColumn('account_id', 'bigint', (column) => required(column).references('accounts.id'))
    .addColumn('name', 'text', required)
    .addPrimaryKeyConstraint('subscriptions_pk', ['account_id', 'name'])
    .execute();
  await sql`insert into subscriptions (account_id, name) select account_id, name from mailboxes where subscribed = 1`.execute(db);
  await db.schema.alterTable('mailboxes').dropColumn('subscribed').execute();
  await db.schema.alterTable('mailboxes').addColumn('recent_uid', 'bigint', one).execute();
  await db.schema.alterTable('mailboxes').addColumn('vanished_floor', 'bigint', zero).execute();
}

async function extendMessages(db: Db): Promise<void> {
  await db.schema.alterTable('messages').dropColumn('flags').execute();
  await db.schema.alterTable('messages').addColumn('flag_code', 'bigint', zero).execute();
  // SELECT, STATUS and changes since a modseq are answered from this index alone.
  await db.schema.createIndex('messages_by_modseq').on('messages').columns(['mailbox_id', 'modseq', 'uid', 'flag_code', 'size']).execute();
}

async function createContentTables(db: Db, engine: Engine): Promise<void> {
  const content = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => required(column).references('contents.id').onDelete('cascade');
  const texts = ['sort_subject', 'sort_from', 'sort_to', 'sort_cc', 'from_text', 'to_text', 'cc_text', 'bcc_text', 'subject_text', 'left_fields'];
  let headers = db.schema
    .createTable('content_headers')
    .addColumn('content_id', 'text', (column) => content(column).primaryKey())
    .addColumn('thread_id', 'text', required)
    .addColumn('message_id', 'text')
    .addColumn('thread_references', 'text', required)
    .addColumn('is_reply', 'integer', required)
    .addColumn('sent_at', 'bigint')
    .addColumn('sent_day', 'bigint');
  for (const name of texts) headers = headers.addColumn(name, 'text', required);
  await headers.execute();
  await db.schema
    .createTable('content_texts')
    .addColumn('seq', engine === 'postgres' ? 'bigserial' : 'integer', (column) => (engine === 'postgres' ? column : column.autoIncrement()).primaryKey())
    .addColumn('content_id', 'text', (column) => content(column).unique())
    .addColumn('message_index', 'text', required)
    .addColumn('header_text', 'text', required)
    .addColumn('body_text', 'text', required)
    .execute();
  if (engine === 'postgres') await compressFast(db);
  await db.schema
    .createTable('index_queue')
    .addColumn('content_id', 'text', (column) => content(column).primaryKey())
    .execute();
}

/** LZ4 costs a tenth of the default's time; a server may be built without it. */
async function compressFast(db: Db): Promise<void> {
  const { rows } = await sql`select 1 from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)`.execute(db);
  if (rows.length === 0) return;
  for (const column of ['message_index', 'header_text', 'body_text'])
    await sql`alter table content_texts alter column ${sql.ref(column)} set compression lz4`.execute(db);
}

/** Trigrams: SEARCH asks for substrings (RFC 9051 section 6.4.4), which an index of words cannot find. */
async function createTextIndex(db: Db, engine: Engine): Promise<void> {
  if (engine === 'sqlite') {
    await sql`create virtual table content_index
      using fts5(trigrams, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1')`.execute(db);
    await sql`create trigger content_texts_gone after delete on content_texts
      begin delete from content_index where rowid = old.seq; end`.execute(db);
    return;
  }
  await db.schema
    .createTable('content_index')
    .addColumn('content_id', 'text', (column) => column.primaryKey().references('contents.id').onDelete('cascade'))
    .addColumn('trigrams', sql`tsvector`, required)
    .execute();
  await sql`create index content_index_trigrams on content_index using gin (trigrams)`.execute(db);
}

async function createKeywordSets(db: Db, engine: Engine): Promise<void> {
  await db.schema
    .createTable('keyword_sets')
    .addColumn('id', engine === 'postgres' ? 'bigserial' : 'integer', (column) => (engine === 'postgres' ? column : column.autoIncrement()).primaryKey())
    .addColumn('account_id', 'bigint', (column) => required(column).references('accounts.id'))
    .addColumn('keywords', 'text', required)
    .addUniqueConstraint('keyword_sets_by_keywords', ['account_id', 'keywords'])
    .execute();
}

async function createVanished(db: Db): Promise<void> {
  await db.schema
    .createTable('vanished')
    .addColumn('mailbox_id', 'bigint', required)
    .addColumn('modseq', 'bigint', required)
    .addColumn('first_uid', 'bigint', required)
    .addColumn('last_uid', 'bigint', required)
    .addColumn('vanished_at', 'bigint', required)
    .addPrimaryKeyConstraint('vanished_pk', ['mailbox_id', 'modseq', 'first_uid'])
    .execute();
  await db.schema.createIndex('vanished_by_time').on('vanished').column('vanished_at').execute();
}

/** A delivery is remembered after its message, and after its mailbox: no longer a reference to it. */
async function freeDeliveries(db: Db): Promise<void> {
  await db.schema.dropIndex('deliveries_by_time').execute();
  await db.schema.alterTable('deliveries').renameTo('old_deliveries').execute();
  await db.schema
    .createTable('deliveries')
    .addColumn('queue_id', 'text', required)
    .addColumn('recipient', 'integer', required)
    .addColumn('mailbox_id', 'bigint', required)
    .addColumn('uid', 'bigint', required)
    .addColumn('delivered_at', 'bigint', required)
    .addColumn('expunged_at', 'bigint')
    .addPrimaryKeyConstraint('deliveries_by_queue_id', ['queue_id', 'recipient', 'mailbox_id'])
    .execute();
  await sql`insert into deliveries (queue_id, recipient, mailbox_id, uid, delivered_at)
    select queue_id, recipient, mailbox_id, uid, delivered_at from old_deliveries`.execute(db);
  await db.schema.dropTable('old_deliveries').execute();
  await sql`create index deliveries_by_expunge on deliveries (expunged_at) where expunged_at is not null`.execute(db);
}

async function createLocks(db: Db): Promise<void> {
  await db.schema
    .createTable('mailbox_locks')
    .addColumn('mailbox_id', 'bigint', (column) => required(column).references('mailboxes.id').onDelete('cascade').primaryKey())
    .addColumn('token', 'text', required)
    .addColumn('holder', 'text', required)
    .addColumn('since', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .execute();
}
