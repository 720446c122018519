import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricsTable } from './metrics-table.ts';
import { OPERATIONS, withTables } from './reference.ts';
import { settingsTable } from './settings-table.ts';

test('the tables of docs/operations.md are what the source says', () => {
  const page = readFileSync(OPERATIONS, 'utf8');
  expect(withTables(page)).toBe(page);
});

test('settings of every form have their row', () => {
  const table = settingsTable();
  for (const row of [
    '| `ingress.limits.message_size` | `50MB` | size | SIZE (RFC 1870) |',
    '| `redis.commit_patience` | `60s` | duration | how long a commit is replayed while Redis is away, then 451 |',
    '| `routes.NAME.transport: smarthost` |  |  |  |',
    '| `routes.NAME.host` | required | text |  |',
    '| `accounts[].address` | required | text |  |',
    '| `log.level` | `info` | `trace`, `debug`, `info`, `warn`, `error` |  |',
  ])
    expect(table).toContain(row);
});

test('a metric has its kind and its labels', () => {
  expect(metricsTable()).toContain('| `stafette_queue_due` | gauge | `role` |');
  expect(metricsTable()).toContain('| `stafette_commit_seconds` | histogram |  |');
});

test('a page without a place for a table is an error', () => expect(() => withTables('# Nothing')).toThrow('no place for the table of settings'));
