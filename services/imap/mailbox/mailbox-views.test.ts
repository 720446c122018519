// Views of a process that hears of other processes' changes only once its watch stands.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { Accounts } from './accounts.ts';
import { MailboxViews } from './mailbox-views.ts';

const ALICE = 'alice@example.org';

test('a mailbox is open before its watch stands, and what others did meanwhile is told then', async () => {
  await using directory = await tempDir('views');
  const open = () => openMailstore({ dataDir: directory.path, clock: systemClock, minFree: 0 });
  const [ours, theirs] = [await open(), await open()];
  await ours.ensureAccount(ALICE);
  const gate = Promise.withResolvers<void>();
  const mailstore: Mailstore = { ...ours, watch: async (...args) => gate.promise.then(() => ours.watch(...args)) };
  const views = new MailboxViews({ mailstore, log: pino({ level: 'silent' }) }, new Accounts(mailstore));
  const opened = await views.open((await ours.account(ALICE)) as AccountStore, 'INBOX', true);
  if (!opened) throw new Error('no INBOX');
  const { view, release } = opened;
  const told: number[] = [];
  const stop = view.whileIdle(() => void told.push(view.present.count));
  await theirs.deliver(Buffer.from('x\r\n'), 3, [{ queueId: 'Q1', recipient: 0, account: ALICE, mailbox: 'INBOX', ownHeader: '', receivedAt: 0 }]);
  expect(told).toEqual([]);
  gate.resolve();
  await eventually(() => (told.length > 0 ? true : null));
  expect(told).toEqual([1]);
  stop();
  release();
  views.close();
  for (const store of [ours, theirs]) await store.close();
});
