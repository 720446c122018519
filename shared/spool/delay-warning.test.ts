// The warning of a delay in a record's life, on a real Redis: decided with an outcome, taken once, and dropped where it is overtaken.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import type { QueueId } from './queue-id.ts';
import type { MessageView, NewRecipient, Settlement } from './spool.ts';
import { decodeWork, encodeWork } from './work.ts';

const LOCAL = { role: 'local-mailbox' } as const;
const BOUNCE = { role: 'bounce' } as const;
const NEVER = 9e14;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

function recipient(number: number): NewRecipient {
  return { number, address: `r${number}@example.net`, of: 0, transport: 'local', domain: 'example.net', rule: '*', mailbox: LOCAL };
}

async function queued(recipients: number): Promise<MessageView> {
  const message = incoming(world.spool);
  await world.spool.commit(message, Buffer.from('Subject: x\r\n\r\nx\r\n'));
  await world.spool.expand(
    fresh(message.id),
    Array.from({ length: recipients }, (_, number) => recipient(number)),
    [],
  );
  const view = await world.spool.read({ id: message.id, recipients: Array.from({ length: recipients }, (_, number) => number) }, LOCAL);
  if (!view) throw new Error('nothing waits');
  return view;
}

function delayed(number: number, warn: boolean, attempt = 1): Settlement {
  const outcome = { kind: 'delayed', scope: 'recipient', status: '4.2.2', diagnostic: 'full' } as const;
  return { number, attempt, outcome, next: { due: NEVER }, owesDsn: false, ...(warn && { warn: true as const }) };
}

const settle = (view: MessageView, ...settlements: Settlement[]) => world.spool.settle(view, { mailbox: LOCAL }, settlements);
const warningOf = (id: QueueId, ...recipients: number[]) => ({ id, recipients, warning: true }) as const;
const owed = async (id: QueueId) =>
  ((await world.redis.command('ZRANGE', '{stafette:0}:due:bounce', 0, -1)) as string[]).filter((entry) => entry.startsWith(id));

function dsnFor(id: QueueId, ...recipients: number[]) {
  const message = { ...incoming(world.spool, { from: '', to: ['a@example.org'], reserve: true }), id: world.spool.dsnId(warningOf(id, ...recipients)) };
  return { message, content: Buffer.from('Subject: delayed\r\n\r\n') };
}

test('warnings have names of their own', () => {
  const id = world.spool.newId();
  expect(encodeWork(warningOf(id, 0, 1, 2, 5))).toBe(`${id}/w0-2,5`);
  expect(decodeWork(`${id}/w0-2,5`)).toEqual(warningOf(id, 0, 1, 2, 5));
  expect(world.spool.dsnId(warningOf(id, 0))).not.toBe(world.spool.dsnId({ id, recipients: [0] }));
  for (const damaged of ['/w', '/ww1', '/x1', '/w1-']) expect(() => decodeWork(id + damaged)).toThrow('not recipient numbers');
});

test('is decided with the outcome, taken once with its DSN, and the mail waits on', async () => {
  const view = await queued(3);
  const { id } = view;
  expect(await settle(view, delayed(0, true), delayed(1, false), delayed(2, true))).toBe('committed');
  expect(await owed(id)).toEqual([`${id}/w0,2`]);
  const warned = await world.spool.read(warningOf(id, 0, 2), BOUNCE);
  expect(warned?.recipients).toMatchObject(
    [0, 2].map((number) => ({ number, state: 'queued', mailbox: 'local-mailbox', attempts: 1, last: { kind: 'delayed' } })),
  );
  expect(warned?.recipients.every(({ warnedAt, lastAttemptAt }) => warnedAt !== undefined && warnedAt === lastAttemptAt)).toBe(true);
  const dsn = dsnFor(id, 0, 2);
  expect(await world.spool.settleOwed(warningOf(id, 0, 2), dsn)).toBe('committed');
  expect(await world.spool.settleOwed(warningOf(id, 0, 2), dsn)).toBe('late');
  expect(await owed(id)).toEqual([]);
  expect(await world.spool.read(warningOf(id, 0, 2), BOUNCE)).toBeNull();
  expect(await world.spool.read({ id: dsn.message.id, recipients: [] }, { role: 'router' })).not.toBeNull();
  const again = await world.spool.read({ id, recipients: [0, 1, 2] }, LOCAL);
  expect(again?.recipients.map(({ warnedAt }) => warnedAt !== undefined)).toEqual([true, false, true]);
  expect((await world.redis.command('HKEYS', `{stafette:0}:m:${id}`)) as string[]).not.toContain('w0');
});

test('is owed once, however often it is asked for', async () => {
  const view = await queued(1);
  await settle(view, delayed(0, true));
  await settle(view, delayed(0, true));
  await world.spool.settleOwed(warningOf(view.id, 0), dsnFor(view.id, 0));
  const again = await world.spool.read(view.work, LOCAL);
  if (!again) throw new Error('nothing waits');
  expect(await settle(again, delayed(0, true, 2))).toBe('committed');
  expect(await owed(view.id)).toEqual([]);
});

test('a final outcome before it is told drops it: of one recipient, and of the message', async () => {
  const view = await queued(3);
  const { id } = view;
  await settle(view, delayed(0, true), delayed(1, true), delayed(2, true));
  const deliver = async (number: number) => {
    const again = await world.spool.read({ id, recipients: [number] }, LOCAL);
    if (again) await settle(again, { number, attempt: 2, outcome: { kind: 'delivered' }, owesDsn: false });
  };
  await deliver(0);
  expect((await world.spool.read(warningOf(id, 0, 1, 2), BOUNCE))?.recipients.map(({ number }) => number)).toEqual([1, 2]);
  await deliver(1);
  // What was composed a moment too early is composed again, of what is left.
  expect(await world.spool.settleOwed(warningOf(id, 1, 2), dsnFor(id, 1, 2))).toBe('late');
  expect(await owed(id)).toEqual([`${id}/w0-2`]);
  expect(await world.spool.settleOwed(warningOf(id, 2), dsnFor(id, 2))).toBe('committed');
  expect(await world.spool.read(warningOf(id, 0, 1, 2), BOUNCE)).toBeNull();
  expect(await owed(id)).toEqual([]);
  await deliver(2);
  expect(await world.redis.command('EXISTS', `{stafette:0}:m:${id}`)).toBe(0);

  const other = await queued(1);
  await settle(other, delayed(0, true));
  const last = await world.spool.read(other.work, LOCAL);
  if (last) await settle(last, { number: 0, attempt: 2, outcome: { kind: 'delivered' }, owesDsn: false });
  expect(await world.spool.read(warningOf(other.id, 0), BOUNCE)).toBeNull();
  expect(await owed(other.id)).toEqual([]);
});

test('a failure that is owed is told as a failure', async () => {
  const view = await queued(1);
  await settle(view, delayed(0, true));
  const again = await world.spool.read(view.work, LOCAL);
  if (again) await settle(again, { number: 0, attempt: 2, outcome: { kind: 'failed', status: '4.4.7', diagnostic: 'too old' }, owesDsn: true });
  expect(await world.spool.read(warningOf(view.id, 0), BOUNCE)).toBeNull();
  expect((await world.spool.read({ id: view.id, recipients: [0] }, BOUNCE))?.recipients).toMatchObject([{ state: 'owed', last: { kind: 'failed' } }]);
  expect(await owed(view.id)).toEqual([`${view.id}/0`]);
});
