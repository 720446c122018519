// What FETCH answers from stands with the content; the text that SEARCH looks at comes behind the delivery, and so a row of it may be missing.
import { type ColumnDefinitionBuilder, sql } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';

export async function putTextBehind(...[db, engine]: Parameters<Migration>): Promise<void> {
  await db.schema.alterTable('contents').addColumn('message_index', 'text').execute();
  await sql`update contents set message_index = (select message_index from content_texts where content_texts.content_id = contents.id)`.execute(db);
  await db.schema.alterTable('content_texts').dropColumn('message_index').execute();
  // No reference: each delivery would pay for its check, and a name without content harms nobody.
  await db.schema.alterTable('index_queue').renameTo('old_index_queue').execute();
  const id = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey();
  const table = db.schema.createTable('index_queue').addColumn('content_id', 'text', id);
  await (engine === 'sqlite' ? table.modifyEnd(sql`without rowid`) : table).execute();
  await sql`insert into index_queue (content_id) select content_id from old_index_queue`.execute(db);
  await db.schema.dropTable('old_index_queue').execute();
}
