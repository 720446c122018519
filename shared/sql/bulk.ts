// Many rows in one statement whose text does not depend on their number: the rows travel as one JSON parameter, so the
// statement is prepared once and no limit on parameters is met. The same SQL for SQLite and PostgreSQL.
import { CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import type { Engine } from './database.ts';
import { together } from './sqlite-dialect.ts';

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

export type Row = readonly (string | number | null)[];

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
  onConflict?: string,
): Promise<void> {
  await runTogether(db, engine, [insertionOf(engine, table, columns, rows, onConflict)]);
}

/** The same, to be run together with others. */
export function insertionOf(engine: Engine, table: string, columns: Columns, rows: readonly Row[], onConflict?: string): CompiledQuery {
  const names = Object.keys(columns);
  const values = engine === 'postgres' ? `select * from ${unnest(columns)}` : `values (${names.map(() => '?').join(', ')})`;
  return eachOf(engine, columns, rows, `insert into ${table} (${names.join(', ')}) ${values}${onConflict ? ` on conflict ${onConflict}` : ''}`);
}

/** Sets columns of the row that has the last one in common; to be run together with others. */
export function updateOf(engine: Engine, table: string, columns: Columns, rows: readonly Row[]): CompiledQuery {
  const names = Object.keys(columns);
  const value = (name: string): string => `${name} = ${engine === 'postgres' ? `given.${name}` : '?'}`;
  const key = names.at(-1) ?? '';
  const from = engine === 'postgres' ? `from ${unnest(columns)} as given (${names.join(', ')})` : '';
  return eachOf(engine, columns, rows, `update ${table} set ${names.slice(0, -1).map(value).join(', ')} ${from} where ${table}.${value(key)}`);
}

/** The values of an object in the order of the columns. */
export function rowOf(columns: Columns, values: object): Row {
  const named = values as Readonly<Record<string, Row[number]>>;
  return Object.keys(columns).map((name) => named[name] ?? null);
}

/** Runs statements in order; SQLite's thread takes them all in one message. Those that follow a failure are not run. */
export async function runTogether<Schema>(db: Kysely<Schema>, engine: Engine, statements: readonly CompiledQuery[]): Promise<readonly unknown[][]> {
  const wanted = statements.filter(({ parameters }) => parameters !== NO_ROWS);
  if (wanted.length === 0) return [];
  if (engine === 'sqlite') return (await db.executeQuery<unknown[]>(together(wanted))).rows;
  const results: unknown[][] = [];
  for (const statement of wanted) results.push((await db.executeQuery(statement)).rows);
  return results;
}

/** Deletes the rows with these values in `columns`. */
export async function deleteEach<Schema>(db: Kysely<Schema>, engine: Engine, table: string, columns: Columns, rows: readonly Row[]): Promise<void> {
  const names = Object.keys(columns);
  const meant = names.map((name) => (engine === 'postgres' ? `${table}.${name} = given.${name}` : `${name} = ?`)).join(' and ');
  const using = engine === 'postgres' ? `using ${unnest(columns)} as given (${names.join(', ')})` : '';
  await runTogether(db, engine, [eachOf(engine, columns, rows, `delete from ${table} ${using} where ${meant}`)]);
}

/** Each column's values as one parameter. */
function unnest(columns: Columns): string {
  return `unnest(${Object.values(columns)
    .map((type, index) => `$${index + 1}::${type}[]`)
    .join(', ')})`;
}

const NO_ROWS: readonly unknown[] = [];

/** The statement for each row; for none it is nothing to run. */
function eachOf(engine: Engine, columns: Columns, rows: readonly Row[], statement: string): CompiledQuery {
  const byColumn = () => Object.keys(columns).map((_, index) => rows.map((row) => row[index]));
  return { ...CompiledQuery.raw(statement), parameters: rows.length === 0 ? NO_ROWS : engine === 'postgres' ? byColumn() : [...rows] };
}

/** `column` is one of `values`. */
export function isOneOf(engine: Engine, column: string, values: readonly (string | number)[]): RawBuilder<boolean> {
  if (engine === 'postgres') return sql`${sql.ref(column)} = any(${values})`;
  return sql`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`;
}
