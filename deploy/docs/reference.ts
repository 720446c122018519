// The tables of docs/operations.md that the source knows best: every setting with its default, every metric. Each stands between two
// marks and is written by this script: sh deploy/local/with-node.sh deploy/docs/reference.ts. What can fail: a page without the marks.
import { readFileSync, writeFileSync } from 'node:fs';
import { metricsTable } from './metrics-table.ts';
import { settingsTable } from './settings-table.ts';

export const OPERATIONS = new URL('../../docs/operations.md', import.meta.url);

const TABLES: Readonly<Record<string, () => string>> = { settings: settingsTable, metrics: metricsTable };

/** The page with every table written anew. Throws when it lacks the marks of one. */
export function withTables(page: string): string {
  return Object.entries(TABLES).reduce((text, [name, table]) => between(text, name, table()), page);
}

function between(page: string, name: string, table: string): string {
  const [first, last] = [`<!-- ${name}: generated -->\n`, `<!-- ${name}: end -->`];
  const [start, end] = [page.indexOf(first), page.indexOf(last)];
  if (start < 0 || end < start) throw new Error(`the page has no place for the table of ${name}`);
  return `${page.slice(0, start + first.length)}\n${table}\n${page.slice(end)}`;
}

if (import.meta.main) writeFileSync(OPERATIONS, withTables(readFileSync(OPERATIONS, 'utf8')));
