// Many rows in one statement whose text does not depend on their number: the rows travel as one JSON parameter, so the
// statement is prepared once and no limit on parameters is met. The same SQL for SQLite and PostgreSQL.
import { CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Engine } from './database.ts';

export type ColumnType = 'bigint' | 'text';
/** Columns of the rows, with their types. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** The rows as a table expression named `given`; take a column with `field`. */
export function rowsFrom(engine: Engine, rows: readonly object[]): RawBuilder<unknown> {
  const json = JSON.stringify(rows);
  return engine === 'postgres' ? sql`json_array_elements(cast(${json} as json)) as given` : sql`json_each(${json}) as given`;
}

/** One column of `given`. */
export function field(name: string, type: ColumnType): RawBuilder<unknown> {
  return sql`cast(given.value ->> ${sql.lit(name)} as ${sql.raw(type)})`;
}

/** Inserts all rows; their keys are the columns. */
export async function insertRows<Schema>(
  db: Kysely<Schema>,
  engine: Engine,
  table: keyof Schema & string,
  columns: Columns,
  rows: readonly object[],
): Promise<void> {
  if (rows.length === 0) return;
  const names = sql.join(Object.keys(columns).map((name) => sql.ref(name)));
  if (engine === 'postgres') {
    // Reads each row once; taking its fields one by one reads it again for each.
    const typed = sql.join(Object.entries(columns).map(([name, type]) => sql`${sql.ref(name)} ${sql.raw(type)}`));
    await sql`insert into ${sql.table(table)} (${names}) select ${names} from json_to_recordset(cast(${JSON.stringify(rows)} as json)) as given(${typed})`.execute(
      db,
    );
    return;
  }
  const values = sql.join(Object.entries(columns).map(([name, type]) => field(name, type)));
  await sql`insert into ${sql.table(table)} (${names}) select ${values} from ${rowsFrom(engine, rows)}`.execute(db);
}

export type Row = readonly (string | number)[];

/**
 * Inserts rows, each its values in the order of `columns`, cheaper than `insertRows`: SQLite's thread runs one small statement for
 * each, PostgreSQL takes an array for each column. `onConflict` is what stands after `on conflict`.
 */
export async function insertEach<Schema>(
  db: Kysely<Schema>,
  engine: Engine,
  table: string,
  columns: Columns,
  rows: readonly Row[],
  onConflict: string,
): Promise<void> {
  const names = Object.keys(columns);
  const values = engine === 'postgres' ? `select * from ${unnest(columns)}` : `values (${names.map(() => '?').join(', ')})`;
  await runEach(db, engine, columns, rows, `insert into ${table} (${names.join(', ')}) ${values} on conflict ${onConflict}`);
}

/** Deletes the rows with these values in `columns`. */
export async function deleteEach<Schema>(db: Kysely<Schema>, engine: Engine, table: string, columns: Columns, rows: readonly Row[]): Promise<void> {
  const names = Object.keys(columns);
  const meant = names.map((name) => (engine === 'postgres' ? `${table}.${name} = given.${name}` : `${name} = ?`)).join(' and ');
  const using = engine === 'postgres' ? `using ${unnest(columns)} as given (${names.join(', ')})` : '';
  await runEach(db, engine, columns, rows, `delete from ${table} ${using} where ${meant}`);
}

/** Each column's values as one parameter. */
function unnest(columns: Columns): string {
  return `unnest(${Object.values(columns)
    .map((type, index) => `$${index + 1}::${type}[]`)
    .join(', ')})`;
}

async function runEach<Schema>(db: Kysely<Schema>, engine: Engine, columns: Columns, rows: readonly Row[], statement: string): Promise<void> {
  if (rows.length === 0) return;
  const byColumn = () => Object.keys(columns).map((_, index) => rows.map((row) => row[index]));
  await db.executeQuery(CompiledQuery.raw(statement, engine === 'postgres' ? byColumn() : [...rows]));
}

/** `column` is one of `values`. */
export function isOneOf(engine: Engine, column: string, values: readonly (string | number)[]): RawBuilder<boolean> {
  if (engine === 'postgres') return sql`${sql.ref(column)} = any(${values})`;
  return sql`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`;
}
