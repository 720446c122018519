// The lease of the POP3 lock: it ends with its process, and says so when it is lost. On SQLite, whose clock is this machine's.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { createAccounts } from './accounts.ts';
import { lockMailboxForPop3 } from './pop3-lock.ts';
import { type MailstoreTables, migrations } from './schema.ts';
import type { StoreContext } from './store-context.ts';

const INBOX = { account: 1, mailbox: 1 };

async function database() {
  const directory = await tempDir('pop3-lock');
  const opened = await openDatabase<MailstoreTables>({ file: join(directory.path, 'mail.sqlite'), store: 'mail', migrations });
  await createAccounts(opened.db, ['a@example.org'], Date.now());
  const context = { database: opened, clock: systemClock, log: undefined } as Partial<StoreContext> as StoreContext;
  const close = async (): Promise<void> => {
    await opened.close();
    await directory.remove();
  };
  return { context, db: opened.db, [Symbol.asyncDispose]: close };
}

test('a lease is renewed while its process lives, and expires when nobody renews it', async () => {
  await using store = await database();
  const held = await lockMailboxForPop3(store.context, INBOX, 'pod-1', 300);
  await eventually(async () => {
    const row = await store.db.selectFrom('mailbox_locks').select(['since', 'expires_at']).executeTakeFirstOrThrow();
    return row.expires_at - row.since > 600;
  });
  expect(await lockMailboxForPop3(store.context, INBOX, 'pod-2', 300)).toMatchObject({ kind: 'in-use', holder: 'pod-1' });
  // As after a crash: the row stays, and expires.
  await store.db.updateTable('mailbox_locks').set({ token: 'of a process that has ended', holder: 'pod-0' }).execute();
  await eventually(async () => (await lockMailboxForPop3(store.context, INBOX, 'pod-2', 300)).kind === 'locked');
  expect(held.kind === 'locked' && held.lock.lost.aborted).toBe(true);
  if (held.kind === 'locked') await held.lock.release();
  expect(await lockMailboxForPop3(store.context, INBOX, 'pod-3', 300)).toMatchObject({ kind: 'in-use', holder: 'pod-2' });
});

test('a process that was stopped for longer than its lease knows at once that it has lost the lock', async () => {
  await using store = await database();
  let stopped = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + stopped };
  const held = await lockMailboxForPop3({ ...store.context, clock }, INBOX, 'pod-1');
  if (held.kind !== 'locked') throw new Error(held.kind);
  expect(held.lock.lost.aborted).toBe(false);
  stopped = 15_000;
  expect(held.lock.lost.aborted).toBe(true);
  await held.lock.release();
});
