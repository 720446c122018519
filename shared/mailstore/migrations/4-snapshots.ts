// The columns of large mailboxes as they stood at a modseq, so that SELECT reads one row and what changed since. A cache: rows may go at any time.
import type { Migration } from '#shared/sql/migrate.ts';

export async function createSnapshots(...[db, engine]: Parameters<Migration>): Promise<void> {
  await db.schema
    .createTable('mailbox_snapshots')
    // In SQLite the row's own number, without an index beside it.
    .addColumn('mailbox_id', engine === 'postgres' ? 'bigint' : 'integer', (column) => column.references('mailboxes.id').onDelete('cascade').primaryKey())
    .addColumn('modseq', 'bigint', (column) => column.notNull())
    .addColumn('columns', engine === 'postgres' ? 'bytea' : 'blob', (column) => column.notNull())
    .execute();
}
