// The tables that delivery needs: accounts, mailboxes, contents, messages, deliveries.
import type { ColumnDefinitionBuilder } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

export async function createCoreTables(...[db, engine]: Parameters<Migration>): Promise<void> {
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
