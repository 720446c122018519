// The SQL database on SQLite: migrations, transactions, and the thread behind it. PostgreSQL is covered by the stores' suites.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { deleteEach, insertionOf, insertRows, isOneOf, runTogether, updateOf } from './bulk.ts';
import { type Database, isRefusedByData, openDatabase } from './database.ts';
import type { Migration } from './migrate.ts';

interface Tables {
  things: { id: number; name: string };
}

const open: (Database<Tables> | TempDir)[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await ('close' in each ? each.close() : each.remove());
});

const createThings: Migration = async (db) => {
  await sql`create table things (id integer primary key, name text not null)`.execute(db);
};

async function fresh(): Promise<string> {
  const directory = await tempDir('sql');
  open.push(directory);
  return join(directory.path, 'below', 'test.sqlite');
}

async function opened(file: string, migrations: readonly Migration[] = [createThings]): Promise<Database<Tables>> {
  const database = await openDatabase<Tables>({ file, store: 'test', migrations });
  open.push(database);
  return database;
}

test('a migration that fails leaves nothing, and a database from the future is refused', async () => {
  const file = await fresh();
  const broken: Migration = async (db) => void (await sql`insert into nowhere values (1)`.execute(db));
  await expect(opened(file, [createThings, broken])).rejects.toThrow('nowhere');
  const { db } = await opened(file, [createThings, async (typed) => void (await sql`insert into things values (1, 'first')`.execute(typed))]);
  expect(await db.selectFrom('things').selectAll().execute()).toEqual([{ id: 1, name: 'first' }]);
  await expect(opened(file, [createThings])).rejects.toThrow('the test database is at version 2, this Stafette knows 1');
});

test('a new database in which another process is writing is opened when that has ended', async () => {
  const file = await fresh();
  mkdirSync(dirname(file));
  using other = new DatabaseSync(file);
  other.exec('begin immediate; create table theirs (id integer)');
  const ours = opened(file);
  await Promise.race([ours, new Promise((resolve) => setTimeout(resolve, 500))]);
  other.exec('commit');
  const { rows } = await sql`select name from sqlite_master where name = 'theirs'`.execute((await ours).db);
  expect(rows).toHaveLength(1);
});

test('a transaction that throws is undone, and the next one goes on', async () => {
  const { db } = await opened(await fresh());
  const failing = db.transaction().execute(async (transaction) => {
    await transaction.insertInto('things').values({ id: 1, name: 'x' }).execute();
    await transaction.insertInto('things').values({ id: 1, name: 'twice' }).execute();
  });
  const error = await failing.catch((reason: unknown) => reason);
  expect(isRefusedByData(error)).toBe(true);
  expect(await db.selectFrom('things').selectAll().execute()).toEqual([]);
  await db.insertInto('things').values({ id: 2, name: 'y' }).execute();
});

test('two processes write at once: each transaction waits for the other', async () => {
  const file = await fresh();
  const [first, second] = [await opened(file), await opened(file)];
  const add = async ({ db }: Database<Tables>): Promise<void> => {
    await db.transaction().execute(async (transaction) => {
      const { next } = await transaction.selectFrom('things').select(sql<number>`coalesce(max(id), 0) + 1`.as('next')).executeTakeFirstOrThrow();
      await transaction.insertInto('things').values({ id: next, name: 'x' }).execute();
    });
  };
  await Promise.all(Array.from({ length: 40 }, (_, index) => add(index % 2 ? first : second)));
  expect(await first.db.selectFrom('things').select('id').execute()).toHaveLength(40);
});

test('rows go in and are looked up in bulk, whatever their number', async () => {
  const { db, engine } = await opened(await fresh());
  const rows = Array.from({ length: 40_000 }, (_, id) => ({ id, name: `"${id}" \\ 'ü'` }));
  await insertRows(db, engine, 'things', { id: 'bigint', name: 'text' }, rows);
  const found = await db
    .selectFrom('things')
    .selectAll()
    .where(
      isOneOf(
        engine,
        'id',
        rows.map(({ id }) => id),
      ),
    )
    .execute();
  expect(found).toHaveLength(40_000);
  expect(found[7]).toEqual(rows[7]);
});

test('statements for many rows go together, in order, up to the first that fails', async () => {
  const { db, engine } = await opened(await fresh());
  const columns = { id: 'bigint', name: 'text' } as const;
  const names = async () => (await db.selectFrom('things').select('name').orderBy('id').execute()).map(({ name }) => name);
  await runTogether(db, engine, [
    insertionOf(engine, 'things', columns, [
      [1, 'a'],
      [2, 'b'],
    ]),
    insertionOf(engine, 'things', columns, []),
    updateOf(engine, 'things', { name: 'text', id: 'bigint' }, [['c', 2]]),
  ]);
  expect(await names()).toEqual(['a', 'c']);
  await deleteEach(db, engine, 'things', { id: 'bigint' }, [[1]]);
  const failing = [
    insertionOf(engine, 'things', columns, [[3, 'd']]),
    insertionOf(engine, 'things', columns, [[3, 'twice']]),
    insertionOf(engine, 'things', columns, [[4, 'never']]),
  ];
  await expect(db.transaction().execute((transaction) => runTogether<Tables>(transaction, engine, failing))).rejects.toThrow('UNIQUE');
  expect(await names()).toEqual(['c']);
  await expect(runTogether(db, engine, failing)).rejects.toThrow('UNIQUE');
  expect(await names()).toEqual(['c', 'd']);
});
