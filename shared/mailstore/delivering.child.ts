// For the kill test: delivers without end, and prints queue id and uid of each message once it is stored.
import { newQueueId } from '#shared/spool/queue-id.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { openMailstore } from './open-mailstore.ts';

const store = await openMailstore({ dataDir: process.argv[2] ?? '', clock: systemClock, minFree: 0 });
const account = 'alice@example.org';
await store.ensureAccount(account);

async function deliverForever(): Promise<never> {
  for (;;) {
    const queueId = newQueueId(0, Date.now());
    const content = Buffer.from(`${queueId} ${'x'.repeat(1 + Math.floor(Math.random() * 10_000))}`);
    const [result] = await store.deliver(content, content.length, [
      { queueId, recipient: 0, account, mailbox: 'INBOX', ownHeader: 'X-Own: yes\r\n', receivedAt: Date.now() },
    ]);
    if (result?.kind === 'stored') process.stdout.write(`${queueId} ${result.uid}\n`);
  }
}

await Promise.all(Array.from({ length: 20 }, deliverForever));
