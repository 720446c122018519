// Migrations: numbered from 1, only ever added, run once under a lock that holds off every other process.
// Fails when the database has migrations that this code does not know: it belongs to a newer version.
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Engine } from './database.ts';

/** Statements for both engines; `engine` for the few places where they differ. */
export type Migration = (db: Transaction<unknown>, engine: Engine) => Promise<void>;

/** Any number that nobody else locks on: "stafette" in letters' places. */
const LOCK = 192016155;

/** Runs what is missing, in one transaction: all of it or nothing. */
export async function migrate<Schema>(db: Kysely<Schema>, engine: Engine, store: string, migrations: readonly Migration[]): Promise<void> {
  // SQLite takes its write lock as the transaction begins.
  await db.transaction().execute(async (typed) => {
    const transaction = typed as unknown as Transaction<unknown>;
    if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction);
    await sql`create table if not exists stafette_migrations (store varchar(50) not null, version integer not null, primary key (store, version))`.execute(
      transaction,
    );
    const { rows } = await sql<{ done: number | null }>`select max(version) as done from stafette_migrations where store = ${store}`.execute(transaction);
    const done = rows[0]?.done ?? 0;
    if (done > migrations.length) throw new Error(`the ${store} database is at version ${done}, this Stafette knows ${migrations.length}: use the newer one`);
    for (const [index, migration] of migrations.entries()) {
      if (index < done) continue;
      await migration(transaction, engine);
      await sql`insert into stafette_migrations (store, version) values (${store}, ${index + 1})`.execute(transaction);
    }
  });
}
