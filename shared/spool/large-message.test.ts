// Messages to tens of thousands: the work is cut into scripts that leave Redis time for others, and a process may die between two.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Shard } from '#shared/actor/shard.ts';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import type { QueueId } from './queue-id.ts';
import { createSpool } from './redis-spool.ts';
import type { NewRecipient, Settlement, Spool } from './spool.ts';

const MANY = 20_000;
const LOCAL = { role: 'local-mailbox' } as const;
const ROUTER = { role: 'router' } as const;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

/** A process that dies after so many transactions. */
function dying(after: number): Spool {
  let left = after;
  const mortal = (shard: Shard): Shard => ({
    ...shard,
    submit: async (...args) => {
      if (left-- <= 0) throw new Error('died');
      return shard.submit(...args);
    },
  });
  const system = { ...world.system, shards: world.system.shards.map(mortal), reader: world.system.reader };
  return createSpool({ ...world, system, config: () => world.config });
}

async function committed(): Promise<QueueId> {
  const message = incoming(world.spool);
  await world.spool.commit(message, Buffer.from('x'));
  return message.id;
}

function recipients(count: number, mailbox: (domain: string) => NewRecipient['mailbox']): NewRecipient[] {
  return Array.from({ length: count }, (_, number) => {
    const domain = `d${number}.example`;
    return { number, address: `r@${domain}`, of: number, transport: 'dns', domain, rule: '*', mailbox: mailbox(domain) };
  });
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);
const redis = (name: string, ...args: string[]) => world.redis.command(name, ...args);
const entriesAt = async (mailbox: string, id: QueueId) =>
  ((await redis('ZRANGE', `{stafette:0}:due:${mailbox}`, '0', '-1')) as string[]).filter((entry) => entry.startsWith(id));

test('twenty thousand recipients at as many domains are told, whoever dies meanwhile, and settled one by one', async () => {
  const id = await committed();
  const given = recipients(MANY, (domain) => ({ role: 'resolver', key: domain }));
  await expect(dying(4).expand(fresh(id), given, [])).rejects.toThrow('died');
  expect(await redis('ZCARD', '{stafette:0}:keys:resolver')).toBe(4000);
  expect(await entriesAt('router', id)).toEqual([id]);
  // The wake-up of the router comes again: its expansion stands, and is told to its end.
  expect(await world.spool.read({ id, recipients: [] }, ROUTER)).toBeNull();
  expect(await redis('ZCARD', '{stafette:0}:keys:resolver')).toBe(MANY);
  expect(await entriesAt('router', id)).toEqual([]);
  expect(((await redis('HKEYS', `{stafette:0}:m:${id}`)) as string[]).filter((field) => field.startsWith('u'))).toEqual([]);
  for (const number of [0, 999, 1000, MANY - 1]) {
    const mailbox = { role: 'resolver', key: `d${number}.example` } as const;
    expect(await entriesAt(`resolver:${mailbox.key}`, id)).toEqual([`${id}/${number}`]);
    const view = await world.spool.read({ id, recipients: [number] }, mailbox);
    await redis('HSET', `{stafette:0}:key:resolver:${mailbox.key}`, 'epoch', '7');
    const settlement: Settlement = { number, attempt: 1, outcome: { kind: 'failed', status: '5.1.2', diagnostic: 'x' }, owesDsn: false };
    expect(view && (await world.spool.settle(view, { mailbox, epoch: 7 }, [settlement]))).toBe('committed');
  }
  expect(await redis('HGET', `{stafette:0}:m:${id}`, 'o')).toBe(String(MANY - 4));
}, 30_000);

test('many recipients of one destination are settled in parts; what a dead process left is found again', async () => {
  const id = await committed();
  await world.spool.expand(
    fresh(id),
    recipients(3500, () => LOCAL),
    [],
  );
  const work = { id, recipients: upTo(3500) };
  const view = await world.spool.read(work, LOCAL);
  if (!view) throw new Error('nothing waits');
  const settlements = work.recipients.map((number): Settlement => ({ number, attempt: 1, outcome: { kind: 'delivered' }, owesDsn: false }));
  await expect(dying(2).settle(view, { mailbox: LOCAL }, settlements)).rejects.toThrow('died');
  expect(await entriesAt('local-mailbox', id)).toEqual([`${id}/0-3499`]);
  const rest = await world.spool.read(work, LOCAL);
  expect(rest?.recipients.map(({ number }) => number)).toEqual(upTo(3500).slice(2000));
  expect(rest && (await world.spool.settle(rest, { mailbox: LOCAL }, settlements.slice(2000)))).toBe('committed');
  expect(await redis('EXISTS', `{stafette:0}:m:${id}`)).toBe(0);
  expect(await entriesAt('local-mailbox', id)).toEqual([]);
});

test('many recipients move in parts', async () => {
  const id = await committed();
  const [from, to] = [{ role: 'resolver', key: 'big.example' } as const, { role: 'remote-delivery', key: 'dns/mx.big.example#0' } as const];
  await world.spool.expand(
    fresh(id),
    recipients(2500, () => from),
    [],
  );
  await redis('HSET', '{stafette:0}:key:resolver:big.example', 'epoch', '7');
  const work = { id, recipients: upTo(2500) };
  await expect(dying(1).move(work, { mailbox: from, epoch: 7 }, to, 1)).rejects.toThrow('died');
  expect(await world.spool.move(work, { mailbox: from, epoch: 7 }, to, 1)).toBe('committed');
  expect(await entriesAt('resolver:big.example', id)).toEqual([]);
  expect(await entriesAt('remote-delivery:dns/mx.big.example#0', id)).toEqual([`${id}/0-999`, `${id}/1000-1999`, `${id}/2000-2499`]);
});

test('a release tells every parked wake-up again, however many', async () => {
  const id = await committed();
  await world.spool.operator.hold(id);
  const parked = upTo(9000)
    .map((number) => `resolver:h${number}.example\t${id}/${number}\n`)
    .join('');
  await redis('HSET', `{stafette:0}:m:${id}`, 'p', parked);
  expect(await world.spool.operator.release(id)).toBe(true);
  expect(await entriesAt('resolver:h8999.example', id)).toEqual([`${id}/8999`]);
});

test('a failure that is not told does not take another’s DSN with it', async () => {
  const id = await committed();
  const failed = { outcome: { kind: 'failed', status: '5.1.1', diagnostic: 'x' }, mailbox: { role: 'bounce' } } as const;
  const [first, second] = recipients(2, () => LOCAL) as [NewRecipient, NewRecipient];
  await world.spool.expand(
    fresh(id),
    [
      { ...first, ...failed, owesDsn: false },
      { ...second, ...failed, owesDsn: true },
    ],
    [],
  );
  expect((await world.spool.read({ id, recipients: [0, 1] }, { role: 'bounce' }))?.recipients.map(({ number }) => number)).toEqual([1]);
});
