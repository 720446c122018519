// The mail store's tables as TypeScript, and the migrations that make them: one schema for SQLite and PostgreSQL.
// Migrations are only ever added. Times are milliseconds since the epoch, sizes bytes.
import type { ColumnDefinitionBuilder, Generated } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

export interface MailstoreTables {
  accounts: AccountsTable;
  mailboxes: MailboxesTable;
  contents: ContentsTable;
  messages: MessagesTable;
  deliveries: DeliveriesTable;
}

export interface AccountsTable {
  id: Generated<number>;
  /** The canonical address. */
  address: string;
  created_at: number;
  /** What its messages count against the quota, own headers included. */
  used_bytes: number;
  used_messages: number;
}

export interface MailboxesTable {
  id: Generated<number>;
  account_id: number;
  name: string;
  /** RFC 9051 section 2.3.1.1: with the UID it names a message for ever. */
  uidvalidity: number;
  /** The UID that the next message gets. */
  uidnext: number;
  /** RFC 7162 section 3.1.2.1. */
  highestmodseq: number;
  /** 0 or 1. */
  subscribed: number;
  /** RFC 6154 section 2, e.g. `\Sent`. */
  special_use: string | null;
}

/** Content is held once, however many messages refer to it. */
export interface ContentsTable {
  /** Our own id for it, under which it lies in the content store. */
  id: string;
  location: string;
  size: number;
  /** SHA-256, hexadecimal. */
  digest: string;
  /** Messages that refer to it; content goes with the last. */
  reference_count: number;
}

export interface MessagesTable {
  mailbox_id: number;
  uid: number;
  modseq: number;
  content_id: string;
  /** Return-Path and Delivered-To: what stands above the shared content for this owner. */
  own_header: string;
  /** RFC 9051 section 2.3.3. */
  internaldate: number;
  /** Own header and content. */
  size: number;
  /** System flags and keywords, separated by spaces. */
  flags: string;
  queue_id: string;
  recipient: number;
}

/** What was delivered: outlives the message, so that a redelivery finds it. */
export interface DeliveriesTable {
  queue_id: string;
  recipient: number;
  mailbox_id: number;
  uid: number;
  delivered_at: number;
}

export const migrations: readonly Migration[] = [createCoreTables];

async function createCoreTables(...[db, engine]: Parameters<Migration>): Promise<void> {
  const serial = engine === 'postgres' ? 'bigserial' : 'integer';
  // Ids are never used again: a delivery remembered for a mailbox must not meet its successor.
  const identity = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => (engine === 'postgres' ? column : column.autoIncrement()).primaryKey();
  await db.schema
    .createTable('accounts')
    .addColumn('id', serial, identity)
    .addColumn('address', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('used_bytes', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('used_messages', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable('mailboxes')
    .addColumn('id', serial, identity)
    .addColumn('account_id', 'bigint', (column) => column.notNull().references('accounts.id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('uidvalidity', 'bigint', (column) => column.notNull())
    .addColumn('uidnext', 'bigint', (column) => column.notNull())
    .addColumn('highestmodseq', 'bigint', (column) => column.notNull())
    .addColumn('subscribed', 'integer', (column) => column.notNull())
    .addColumn('special_use', 'text')
    .addUniqueConstraint('mailboxes_by_name', ['account_id', 'name'])
    .execute();
  await db.schema
    .createTable('contents')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('location', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('reference_count', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('messages')
    .addColumn('mailbox_id', 'bigint', (column) => column.notNull().references('mailboxes.id'))
    .addColumn('uid', 'bigint', (column) => column.notNull())
    .addColumn('modseq', 'bigint', (column) => column.notNull())
    .addColumn('content_id', 'text', (column) => column.notNull().references('contents.id'))
    .addColumn('own_header', 'text', (column) => column.notNull())
    .addColumn('internaldate', 'bigint', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('flags', 'text', (column) => column.notNull())
    .addColumn('queue_id', 'text', (column) => column.notNull())
    .addColumn('recipient', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('messages_pk', ['mailbox_id', 'uid'])
    .execute();
  await db.schema.createIndex('messages_by_content').on('messages').column('content_id').execute();
  await db.schema
    .createTable('deliveries')
    .addColumn('queue_id', 'text', (column) => column.notNull())
    .addColumn('recipient', 'integer', (column) => column.notNull())
    .addColumn('mailbox_id', 'bigint', (column) => column.notNull().references('mailboxes.id'))
    .addColumn('uid', 'bigint', (column) => column.notNull())
    .addColumn('delivered_at', 'bigint', (column) => column.notNull())
    // Queue ids grow with time, so this key is appended to; mailbox ids would scatter it.
    .addPrimaryKeyConstraint('deliveries_pk', ['queue_id', 'recipient', 'mailbox_id'])
    .execute();
  await db.schema.createIndex('deliveries_by_time').on('deliveries').column('delivered_at').execute();
}
