// One view for many sessions: whoever asks, asks for all.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { MailboxView } from './mailbox-view.ts';

const ALICE = 'alice@example.org';

test('a session whose news another one is just asking for waits for the answer', async () => {
  await using directory = await tempDir('view');
  const mailstore = await openMailstore({ dataDir: directory.path, clock: systemClock, minFree: 0 });
  await mailstore.ensureAccount(ALICE);
  const account = await mailstore.account(ALICE);
  const inbox = account?.open((await account.find('INBOX'))?.id ?? 0);
  if (!inbox) throw new Error('no INBOX');
  const gate = Promise.withResolvers<void>();
  const store = new Proxy(inbox, {
    get: (target, key) =>
      key === 'changesSince'
        ? async (...args: Parameters<typeof inbox.changesSince>) => {
            await gate.promise;
            return target.changesSince(...args);
          }
        : Reflect.get(target, key),
  });
  const view = new MailboxView(store, { objectId: 'F1' }, await inbox.snapshot(), pino({ level: 'silent' }));
  await mailstore.deliver(Buffer.from('x\r\n'), 3, [{ queueId: 'Q1', recipient: 0, account: ALICE, mailbox: 'INBOX', ownHeader: '', receivedAt: 0 }]);

  view.expectNews();
  const other = view.catchUp();
  const ours = view.catchUp().then(() => view.present.uids.length);
  setImmediate(gate.resolve);
  expect(await ours).toBe(1);
  await other;
  await mailstore.close();
});
