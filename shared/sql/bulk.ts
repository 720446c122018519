// Many rows in one statement whose text does not depend on their number: the rows travel as one JSON parameter, so the
// statement is prepared once and no limit on parameters is met. The same SQL for SQLite and PostgreSQL.
import { type Kysely, type RawBuilder, sql } from 'kysely';
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
  const values = sql.join(Object.entries(columns).map(([name, type]) => field(name, type)));
  await sql`insert into ${sql.table(table)} (${names}) select ${values} from ${rowsFrom(engine, rows)}`.execute(db);
}

/** `column` is one of `values`. */
export function isOneOf(engine: Engine, column: string, values: readonly (string | number)[]): RawBuilder<boolean> {
  if (engine === 'postgres') return sql`${sql.ref(column)} = any(${values})`;
  return sql`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`;
}
