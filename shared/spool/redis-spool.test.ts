// The life of a record on a real Redis: each transition once, repeats harmless, nothing left behind.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { incoming, startWorld, type World } from '#shared/testing/world.ts';
import type { QueueId } from './queue-id.ts';
import type { MessageView, NewRecipient } from './spool.ts';
import { decodeWork, encodeWork } from './work.ts';

const SITE = { role: 'remote-delivery', key: 'dns/example.net#0' } as const;

function recipient(number: number, mailbox: NewRecipient['mailbox'] = SITE): NewRecipient {
  return { number, address: `r${number}@example.net`, of: 0, transport: 'dns', domain: 'example.net', rule: '*', mailbox };
}

/** The whole chain with actors that do the least: returns what the delivery actor saw. */
async function chain(world: World, seen: MessageView[]): Promise<() => Promise<void>> {
  const { system, spool } = world;
  const router = await system.startPool('router', () => ({
    async receive(entry) {
      const view = await spool.read(decodeWork(entry), { role: 'router' });
      if (view) await spool.expand(view, [recipient(0)], []);
    },
  }));
  const delivery = await system.startKeyed('remote-delivery', (activation) => ({
    window: () => 5,
    async receive(entry) {
      const view = await spool.read(decodeWork(entry), SITE);
      if (!view) return;
      seen.push(view);
      await spool.settle(view, { mailbox: SITE, epoch: activation.epoch }, [
        { number: 0, attempt: 1, outcome: { kind: 'relayed', dsnHonoured: true }, owesDsn: false },
      ]);
    },
  }));
  return async () => {
    await Promise.all([router.drain(AbortSignal.timeout(5000)), delivery.drain(AbortSignal.timeout(5000))]);
  };
}

test('a message goes from commit to its last outcome and leaves nothing behind', async () => {
  await using world = await startWorld();
  const seen: MessageView[] = [];
  const stop = await chain(world, seen);
  const ids: QueueId[] = [];
  for (let i = 0; i < 50; i++) {
    const message = incoming(world.spool);
    ids.push(message.id);
    await world.spool.commit(message, Buffer.from(`Subject: ${i}\r\n\r\nhello\r\n`));
  }
  await eventually(() => expect(seen.length).toBe(50));
  expect(new Set(seen.map((view) => view.id))).toEqual(new Set(ids));
  expect(String(await world.spool.content(seen[0] as MessageView))).toContain('hello');
  await eventually(async () => expect(Number(await world.redis.command('HGET', '{stafette:0}:stat', 'messages'))).toBe(0));
  await stop();
  const left = (await world.redis.command('KEYS', '{stafette:0}:*')) as string[];
  expect(left.filter((key) => /:(m|due|keys):/.test(key))).toEqual([]);
});

test('a wake-up of the router for a message that is gone is dropped', async () => {
  await using world = await startWorld();
  const { spool, redis } = world;
  const { id } = incoming(spool);
  await redis.command('ZADD', '{stafette:0}:due:router', 1, id);
  expect(await spool.read({ id, recipients: [] }, { role: 'router' })).toBeNull();
  expect(await redis.command('ZCARD', '{stafette:0}:due:router')).toBe(0);
});

test('work is named by ranges and read back', () => {
  const id = '0'.repeat(25) as QueueId;
  expect(encodeWork({ id, recipients: [0, 1, 2, 5, 7, 8] })).toBe(`${id}/0-2,5,7-8`);
  expect(decodeWork(`${id}/0-2,5,7-8`)).toEqual({ id, recipients: [0, 1, 2, 5, 7, 8] });
  expect(decodeWork(id)).toEqual({ id, recipients: [] });
  expect(() => decodeWork('x/1')).toThrow('not a queue id');
});
