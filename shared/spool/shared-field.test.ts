// Recipients that share a field of the record, on a real Redis: together while they have one fate, each on its own from where they part.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import { inspect } from './inspect.ts';
import type { QueueId } from './queue-id.ts';
import { type Fence, type MessageView, type NewRecipient, RecordTooNewError, type Settlement } from './spool.ts';

const SITE = { role: 'remote-delivery', key: 'dns/example.net#0' } as const;
const OTHER = { role: 'remote-delivery', key: 'dns/example.org#0' } as const;
const BOUNCE = { role: 'bounce' } as const;
const EPOCH = 7;
const NEVER = 9e14;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  for (const { role, key } of [SITE, OTHER]) await world.redis.command('HSET', `{stafette:0}:key:${role}:${key}`, 'epoch', EPOCH);
});
afterAll(() => world.close());

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, at) => from + at);
}

function recipient(number: number, more: Partial<NewRecipient> = {}): NewRecipient {
  return { number, address: `"r\n${number}"@example.net`, of: 0, transport: 'dns', domain: 'example.net', rule: '*', mailbox: SITE, ...more };
}

async function queued(recipients: readonly NewRecipient[], message = incoming(world.spool)): Promise<QueueId> {
  await world.spool.commit(message, Buffer.from('Subject: x\r\n\r\nx\r\n'));
  await world.spool.expand(fresh(message.id), recipients, []);
  return message.id;
}

async function view(id: QueueId, recipients: readonly number[], mailbox: MessageView['mailbox'] = SITE): Promise<MessageView> {
  const found = await world.spool.read({ id, recipients }, mailbox);
  if (!found) throw new Error('nothing waits');
  return found;
}

const RELAYED = { kind: 'relayed', dsnHonoured: true } as const;
const LATER = { kind: 'delayed', scope: 'recipient', status: '4.2.0', diagnostic: 'greylisted,\n' } as const;
const NO_SUCH = { kind: 'failed', status: '5.1.1', diagnostic: 'no such user' } as const;

function settlement(number: number, outcome: Settlement['outcome'], more: Partial<Settlement> = {}): Settlement {
  return { number, attempt: 1, outcome, owesDsn: outcome.kind === 'failed', ...(outcome.kind === 'delayed' && { next: { due: NEVER } }), ...more };
}

const fence = (mailbox: Fence['mailbox'] = SITE, epoch = EPOCH): Fence => ({ mailbox, epoch });
const settle = (from: MessageView, ...settlements: Settlement[]) => world.spool.settle(from, fence(from.mailbox), settlements);
const all = (from: MessageView, outcome: Settlement['outcome'], more?: Partial<Settlement>) =>
  from.recipients.map(({ number }) => settlement(number, outcome, more));
const fields = async (id: QueueId) => ((await world.redis.command('HKEYS', `{stafette:0}:m:${id}`)) as string[]).filter((name) => /^r\d/.test(name)).sort();
const field = (id: QueueId, name: string) => world.redis.command('HGET', `{stafette:0}:m:${id}`, name);
const exists = (id: QueueId) => world.redis.command('EXISTS', `{stafette:0}:m:${id}`);
const entries = async (mailbox: string, id: QueueId) =>
  ((await world.redis.command('ZRANGE', `{stafette:0}:due:${mailbox}`, 0, -1)) as string[]).filter((entry) => entry.startsWith(id));
const lateOutcomes = async () => (await world.metrics.lateOutcomes.get()).values[0]?.value ?? 0;

test.each([
  [1, 1],
  [2, 1],
  [128, 1],
  [129, 129],
])('%i recipients of one fate are written as %i fields, read, and leave nothing behind', async (count, written) => {
  const id = await queued(upTo(count).map((number) => recipient(number, { of: number, notify: ['failure'] })));
  expect(await fields(id)).toHaveLength(written);
  const found = await view(id, upTo(count));
  expect(found.recipients).toEqual(
    upTo(count).map((number) => ({
      ...{ number, address: `"r\n${number}"@example.net`, of: number, transport: 'dns', domain: 'example.net', rule: '*', notify: ['failure'] },
      ...{ state: 'queued', mailbox: 'remote-delivery:dns/example.net#0', attempts: 0 },
    })),
  );
  expect(await settle(found, ...all(found, RELAYED))).toBe('committed');
  expect(await exists(id)).toBe(0);
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([]);
});

test('a record of the version before has a field for each, for its readers know no other', async () => {
  const message = incoming(world.spool);
  await world.spool.commit(message, Buffer.from('x'));
  await world.spool.expand(
    { id: message.id, head: { version: 1 } },
    upTo(3).map((number) => recipient(number)),
    [],
  );
  expect(await fields(message.id)).toEqual(['r0', 'r1', 'r2']);
  const found = await view(message.id, upTo(3));
  expect(found.recipients.map(({ number }) => number)).toEqual([0, 1, 2]);
  expect(await settle(found, ...all(found, RELAYED))).toBe('committed');
  expect(await exists(message.id)).toBe(0);
});

test('a record that is too new is put back, even where nothing of what it holds is known here', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number)));
  const { work } = await view(id, upTo(3));
  const head = String(await field(id, 'e'));
  await world.redis.command('HSET', `{stafette:0}:m:${id}`, 'e', head.replace('"version":2', '"version":3'));
  await world.redis.command('HDEL', `{stafette:0}:m:${id}`, 'r0');
  await expect(world.spool.read(work, SITE)).rejects.toThrow(RecordTooNewError);
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([`${id}/0-2`]);
});

test('readers of version 1 cannot take a shared field for one that is not there, which would drop its wake-up', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number)));
  // They parse what stands behind the first line end of each field, before they ask who waits and which version it is.
  const text = String(await field(id, 'r0'));
  expect(() => JSON.parse(text.slice(text.indexOf('\n') + 1))).toThrow(SyntaxError);
});

test('what is delayed as one stays one field, with what was said last', async () => {
  const id = await queued(upTo(10).map((number) => recipient(number)));
  const first = await view(id, upTo(10));
  expect(await settle(first, ...all(first, LATER))).toBe('committed');
  expect(await fields(id)).toEqual(['r0']);
  const second = await view(id, upTo(10));
  expect(second.recipients.map(({ number, attempts, last }) => [number, attempts, last])).toEqual(upTo(10).map((number) => [number, 1, LATER]));
  expect(await settle(first, ...all(first, LATER))).toBe('committed');
  expect((await view(id, upTo(10))).recipients[9]?.attempts).toBe(1);
  expect(await settle(second, ...all(second, RELAYED, { attempt: 2 }))).toBe('committed');
  expect(await exists(id)).toBe(0);
});

test('one that is delayed while the others are delivered goes on alone, from whichever place', async () => {
  for (const place of [0, 4, 9]) {
    const id = await queued(upTo(10).map((number) => recipient(number)));
    const found = await view(id, upTo(10));
    const outcomes = upTo(10).map((number) => settlement(number, number === place ? LATER : RELAYED));
    expect(await settle(found, ...outcomes)).toBe('committed');
    expect(await fields(id)).toHaveLength(10);
    expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([`${id}/${place}`]);
    const rest = await view(id, [place]);
    expect(rest.recipients.map(({ number, attempts, last }) => [number, attempts, last])).toEqual([[place, 1, LATER]]);
    expect(rest.open).toBe(1);
    const late = await lateOutcomes();
    expect(await settle(found, ...outcomes)).toBe('committed');
    expect(await settle(found, ...upTo(10).map((number) => settlement(number, RELAYED, { attempt: 0 })))).toBe('late');
    expect((await lateOutcomes()) - late).toBe(10);
    expect(await settle(rest, settlement(place, RELAYED, { attempt: 2 }))).toBe('committed');
    expect(await exists(id)).toBe(0);
  }
});

test('two destinations: the first is done as one, a repeat changes nothing, and the second ends the message', async () => {
  const id = await queued(upTo(6).map((number) => recipient(number, number % 2 ? { mailbox: OTHER, domain: 'example.org' } : {})));
  expect(await fields(id)).toEqual(['r0', 'r1']);
  const [here, there] = [await view(id, [0, 2, 4]), await view(id, [1, 3, 5], OTHER)];
  expect([here.open, here.recipients.map(({ number }) => number), there.recipients.map(({ number }) => number)]).toEqual([6, [0, 2, 4], [1, 3, 5]]);
  expect(await settle(here, ...all(here, RELAYED))).toBe('committed');
  expect([await fields(id), await field(id, 'o')]).toEqual([['r0', 'r1'], '3']);
  expect(await settle(here, ...all(here, RELAYED))).toBe('committed');
  expect(await world.spool.read(here.work, SITE)).toBeNull();
  expect(await field(id, 'o')).toBe('3');
  expect((await inspect(world.system, id))?.recipients.map(({ number, state, last }) => [number, state, last?.kind])).toEqual(
    upTo(6).map((number) => (number % 2 ? [number, 'queued', undefined] : [number, 'done', 'relayed'])),
  );
  const late = await lateOutcomes();
  expect(await settle(there, ...all(there, RELAYED))).toBe('committed');
  expect(await settle(there, ...all(there, RELAYED))).toBe('late');
  expect((await lateOutcomes()) - late).toBe(3);
  expect(await exists(id)).toBe(0);
});

test('an end that somebody else has got ahead of for one recipient ends the others', async () => {
  const id = await queued(upTo(5).map((number) => recipient(number)));
  const [mine, theirs] = [await view(id, upTo(5)), await view(id, upTo(5))];
  expect(await settle(theirs, settlement(3, LATER))).toBe('committed');
  expect(await settle(mine, ...all(mine, RELAYED))).toBe('committed');
  expect(await field(id, 'o')).toBe('1');
  expect((await inspect(world.system, id))?.recipients.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'queued', 'done']);
});

test('an activation that is over changes nothing', async () => {
  const id = await queued(upTo(4).map((number) => recipient(number)));
  const found = await view(id, upTo(4));
  const before = await field(id, 'r0');
  expect(await world.spool.settle(found, fence(SITE, EPOCH - 1), all(found, RELAYED))).toBe('fenced');
  expect(await world.spool.settle(found, fence(SITE, EPOCH - 1), all(found, LATER))).toBe('fenced');
  expect([await field(id, 'r0'), await entries('remote-delivery:dns/example.net#0', id)]).toEqual([before, [`${id}/0-3`]]);
});

test('a wake-up that names some of them finds these, and is not dropped', async () => {
  const id = await queued(upTo(6).map((number) => recipient(number)));
  expect((await view(id, [2, 3])).recipients.map(({ number }) => number)).toEqual([2, 3]);
  expect((await view(id, [5])).recipients.map(({ number }) => number)).toEqual([5]);
  expect((await view(id, [0, 1])).recipients.map(({ number }) => number)).toEqual([0, 1]);
  const some = await view(id, [2, 3]);
  expect(await settle(some, ...all(some, RELAYED))).toBe('committed');
  expect((await view(id, upTo(6))).recipients.map(({ number }) => number)).toEqual([0, 1, 4, 5]);
  expect(await world.spool.read({ id, recipients: [2, 3] }, SITE)).toBeNull();
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([`${id}/0-5`]);
});

test('a wake-up from where they no longer are is dropped, and the one where they are stays', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number)));
  const { work } = await view(id, upTo(3));
  expect(await world.spool.move(work, fence(), OTHER, 1)).toBe('committed');
  expect(await fields(id)).toEqual(['r0']);
  await world.redis.command('ZADD', '{stafette:0}:due:remote-delivery:dns/example.net#0', 1, `${id}/0-2`);
  expect(await world.spool.read(work, SITE)).toBeNull();
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([]);
  expect(await entries('remote-delivery:dns/example.org#0', id)).toEqual([`${id}/0-2`]);
  expect(await world.spool.move(work, fence(), OTHER, 1)).toBe('late');
  const moved = await view(id, upTo(3), OTHER);
  expect(await settle(moved, ...all(moved, RELAYED))).toBe('committed');
  expect(await exists(id)).toBe(0);
});

test('some of them move to another site', async () => {
  const id = await queued(upTo(4).map((number) => recipient(number)));
  expect(await world.spool.move({ id, recipients: [1, 2] }, fence(), OTHER, 1)).toBe('committed');
  expect((await view(id, [1, 2], OTHER)).recipients.map(({ number }) => number)).toEqual([1, 2]);
  expect((await view(id, upTo(4))).recipients.map(({ number }) => number)).toEqual([0, 3]);
});

test('failures of all are owed as one, and one DSN closes them', async () => {
  const id = await queued(upTo(4).map((number) => recipient(number)));
  const found = await view(id, upTo(4));
  expect(await settle(found, ...all(found, NO_SUCH))).toBe('committed');
  expect(await fields(id)).toEqual(['r0']);
  const owed = await view(id, upTo(4), BOUNCE);
  expect(owed.recipients.map(({ state, last }) => [state, last])).toEqual(upTo(4).map(() => ['owed', NO_SUCH]));
  const dsn = { message: { ...incoming(world.spool, { from: '' }), id: world.spool.dsnId(owed.work) }, content: Buffer.from('x') };
  expect(await world.spool.settleOwed({ id, recipients: [0, 2] }, { ...dsn, message: { ...dsn.message, id: world.spool.newId() } })).toBe('committed');
  expect((await view(id, upTo(4), BOUNCE)).recipients.map(({ number }) => number)).toEqual([1, 3]);
  expect(await world.spool.settleOwed(owed.work, dsn)).toBe('late');
  expect(await world.spool.settleOwed({ id, recipients: [1, 3] }, dsn)).toBe('committed');
  expect(await exists(id)).toBe(0);
});

test('what failed in the expansion is owed as one, and closed as one', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number, { mailbox: BOUNCE, outcome: NO_SUCH, owesDsn: true })));
  expect(await fields(id)).toEqual(['r0']);
  const owed = await view(id, upTo(3), BOUNCE);
  expect(await world.spool.settleOwed(owed.work, null)).toBe('committed');
  expect([await exists(id), await entries('bounce', id)]).toEqual([0, []]);
});

test('a delay of all is told once, and they wait on', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number)));
  const found = await view(id, upTo(3));
  expect(await settle(found, ...all(found, LATER, { warn: true }))).toBe('committed');
  expect(await fields(id)).toEqual(['r0']);
  const warning = { id, recipients: upTo(3), warning: true } as const;
  expect((await world.spool.read(warning, BOUNCE))?.recipients.map(({ number }) => number)).toEqual([0, 1, 2]);
  const again = await view(id, upTo(3));
  await settle(again, settlement(1, RELAYED, { attempt: 2 }));
  expect((await world.spool.read(warning, BOUNCE))?.recipients.map(({ number }) => number)).toEqual([0, 2]);
  expect(await world.spool.settleOwed({ ...warning, recipients: [0, 2] }, null)).toBe('committed');
  expect(await world.spool.read(warning, BOUNCE)).toBeNull();
  expect((await view(id, upTo(3))).recipients.map(({ number, warnedAt }) => [number, warnedAt !== undefined])).toEqual([
    [0, true],
    [2, true],
  ]);
});

test('of one delay that only some are to be told of, those are told', async () => {
  const id = await queued(upTo(4).map((number) => recipient(number)));
  const found = await view(id, upTo(4));
  expect(await settle(found, ...upTo(4).map((number) => settlement(number, LATER, number < 2 ? { warn: true } : {})))).toBe('committed');
  expect(await entries('bounce', id)).toEqual([`${id}/w0-1`]);
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([`${id}/0-3`]);
  expect((await view(id, upTo(4))).recipients.map(({ warnedAt }) => warnedAt !== undefined)).toEqual([true, true, false, false]);
});

test('the operator sees, holds, releases and deletes them', async () => {
  const id = await queued(upTo(4).map((number) => recipient(number)));
  expect((await inspect(world.system, id))?.recipients.map(({ number, address }) => [number, address])).toEqual(
    upTo(4).map((number) => [number, `"r\n${number}"@example.net`]),
  );
  expect(await world.spool.operator.hold(id)).toBe(true);
  expect(await world.spool.read({ id, recipients: upTo(4) }, SITE)).toBeNull();
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([]);
  expect(await world.spool.operator.release(id)).toBe(true);
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([`${id}/0-3`]);
  expect((await view(id, upTo(4))).recipients).toHaveLength(4);
  expect(await world.spool.operator.remove(id)).toBe(true);
  expect(await world.spool.read({ id, recipients: upTo(4) }, SITE)).toBeNull();
  expect(await entries('remote-delivery:dns/example.net#0', id)).toEqual([]);
});

test('what a newer version added to them survives while they are together and when they part', async () => {
  const id = await queued(upTo(3).map((number) => recipient(number)));
  const text = String(await field(id, 'r0'));
  await world.redis.command('HSET', `{stafette:0}:m:${id}`, 'r0', text.replace('{', '{"common":"yes",').replaceAll('{"address"', '{"novelty":[1,2],"address"'));
  const found = await view(id, upTo(3));
  await settle(found, ...all(found, LATER));
  expect(String(await field(id, 'r0')).match(/"common":"yes"|"novelty":\[1,2\]/g)).toHaveLength(6);
  const again = await view(id, upTo(3));
  await settle(again, settlement(1, LATER, { attempt: 2 }));
  for (const name of ['r0', 'r1', 'r2'])
    expect(JSON.parse(String(await field(id, name)).replace(/^.*\n/, ''))).toMatchObject({ common: 'yes', novelty: [1, 2], domain: 'example.net' });
});

test('whatever they have in common or not, each is itself when they part', async () => {
  const odd = { notify: ['failure'], orcpt: 'rfc822;{,}', reversePath: '' } as const;
  const given = [recipient(0, odd), recipient(1, { of: 1, transport: 'smarthost', rule: 'b', ...odd }), recipient(2, { of: 2, domain: 'b.example' })];
  const twins = upTo(2, 3).map((number) => recipient(number, { address: 'same@example.net' }));
  const strangers = upTo(2, 5).map((number) =>
    recipient(number, { of: number, domain: `${number}.example`, transport: number > 5 ? 'dns' : 'error', rule: `${number}` }),
  );
  for (const group of [given, twins, strangers]) {
    const id = await queued(group);
    const numbers = group.map(({ number }) => number);
    const together = await view(id, numbers);
    const expected = group.map(({ mailbox: _mailbox, ...each }) => expect.objectContaining(each));
    expect(together.recipients).toEqual(expected);
    await settle(together, ...numbers.map((number) => settlement(number, LATER, { next: { due: NEVER + number } })));
    const apart = await Promise.all(numbers.map(async (number) => (await view(id, [number])).recipients[0]));
    expect(apart).toEqual(expected);
  }
});
