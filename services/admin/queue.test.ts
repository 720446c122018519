// Looking at the queue and changing it, on a real spool: every filter, every verb, page by page.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { QueuedMessage } from '#shared/protocol/admin-api.ts';
import { newQueueId, type QueueId } from '#shared/spool/queue-id.ts';
import type { Settlement } from '#shared/spool/spool.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type AdminWorld, SITE, startAdminWorld } from './testing/admin-world.ts';

const MAILBOX = { role: 'remote-delivery', key: SITE } as const;
let admin: AdminWorld;
beforeEach(async () => {
  admin = await startAdminWorld({ redis: { shards: 2 } });
});
afterEach(() => admin[Symbol.asyncDispose]());

async function list(query = ''): Promise<readonly QueuedMessage[]> {
  const { status, json, text } = await admin.ask('GET', `/v1/queue?${query}`);
  if (status !== 200) throw new Error(text);
  return json.messages;
}
const ids = async (query = '') => (await list(query)).map(({ id }) => id);

/** One attempt that failed for now: the next is in an hour. */
async function defer(id: QueueId): Promise<void> {
  const view = await admin.world.spool.read({ id, recipients: [0] }, MAILBOX);
  if (!view) throw new Error('nothing waits');
  const shard = admin.world.system.shards.find(({ base }) => base.endsWith(`:${id[0]}}:`));
  const epoch = Number((await admin.world.system.reader.hget(`${shard?.base}key:remote-delivery:${SITE}`, 'epoch')) ?? 0);
  await admin.world.system.reader.hset(`${shard?.base}key:remote-delivery:${SITE}`, 'epoch', String(epoch));
  const outcome = { kind: 'delayed', scope: 'recipient', status: '4.7.1', diagnostic: 'greylisted' } as const;
  const settlement: Settlement = { number: 0, attempt: 1, outcome, next: { due: Date.now() + 3_600_000 }, owesDsn: false };
  expect(await admin.world.spool.settle(view, { mailbox: MAILBOX, epoch }, [settlement])).toBe('committed');
}

describe('looking', () => {
  test('each state is named, and each filter finds its own', async () => {
    const incoming = await admin.send({ from: 'a@one.test', to: ['x@local.test'] });
    const active = await admin.send({ from: 'b@two.test' });
    const deferred = await admin.send({ from: 'B@Two.test' });
    const owed = await admin.send({ from: '', to: ['gone@nowhere.test'] });
    const held = await admin.send({ from: 'c@three.test' });
    await admin.route(active, [{ address: 'fred@example.net' }]);
    await admin.route(deferred, [{ address: 'list@example.net' }, { address: 'other@elsewhere.test' }]);
    await defer(deferred);
    const outcome = { kind: 'failed', status: '5.1.1', diagnostic: 'no' } as const;
    await admin.route(owed, [{ mailbox: { role: 'bounce' }, outcome, owesDsn: true }]);
    await admin.world.spool.operator.hold(held);
    expect(await ids()).toEqual([held, owed, deferred, active, incoming].sort((a, b) => (a.slice(1) < b.slice(1) ? 1 : -1)));
    for (const [state, id] of Object.entries({ incoming, active, deferred, owed, held })) expect(await ids(`state=${state}`), state).toEqual([id]);
    expect(await ids('sender=b@two.test&state=active')).toEqual([active]);
    expect((await ids('sender=b@TWO.test')).sort()).toEqual([active, deferred].sort());
    expect(await ids('sender=%3C%3E')).toEqual([owed]);
    expect(await ids('recipient=Fred@example.net')).toEqual([active]);
    expect(await ids('domain=elsewhere.test')).toEqual([deferred]);
    expect(await ids('recipient=list@example.net&domain=elsewhere.test')).toEqual([]);
    expect(await ids(`id=${owed.toLowerCase()}`)).toEqual([owed]);
    expect(await ids('older-than=1h')).toEqual([]);
    expect(await ids('older-than=0ms')).toHaveLength(5);
  });

  test('a message is shown whole, with when it is tried next and why, and without its content', async () => {
    const id = await admin.send({ from: 'a@one.test', messageId: '<m@one.test>', traceparent: '00-1-2-01' });
    expect((await list())[0]).toMatchObject({
      id,
      state: 'incoming',
      sender: 'a@one.test',
      messageId: '<m@one.test>',
      due: expect.any(Number),
      recipients: [],
    });
    await admin.route(id, [{ address: 'fred@example.net', rule: '.example.net' }]);
    await defer(id);
    const { status, json, text } = await admin.ask('GET', `/v1/queue/${id}`);
    expect(status).toBe(200);
    expect(json.head).toMatchObject({ traceparent: '00-1-2-01', origin: { client: '192.0.2.1' } });
    const [recipient] = json.message.recipients;
    expect(recipient).toMatchObject({
      address: 'fred@example.net',
      original: 'rcpt@example.net',
      rule: '.example.net',
      attempts: 1,
      last: { diagnostic: 'greylisted' },
    });
    expect(recipient.due).toBeGreaterThan(Date.now() + 3_500_000);
    expect(text).not.toContain('The body.');
  });

  test('pages follow each other to the end, in both orders, while mail comes and goes', async () => {
    const all = (await Promise.all(Array.from({ length: 25 }, () => admin.send()))).sort((a, b) => (a.slice(1) + a[0] < b.slice(1) + b[0] ? -1 : 1));
    for (const [order, wanted] of [
      ['oldest', all],
      ['newest', all.toReversed()],
    ] as const) {
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const { json } = await admin.ask('GET', `/v1/queue?order=${order}&limit=10${cursor && `&cursor=${cursor}`}`);
        expect(json.complete).toBe(true);
        seen.push(...json.messages.map((message: QueuedMessage) => message.id));
        cursor = json.cursor;
      }
      expect(seen).toEqual(wanted);
    }
    const first = await admin.ask('GET', '/v1/queue?order=oldest&limit=5');
    await admin.world.spool.operator.remove(all[4] as QueueId);
    await admin.world.spool.operator.remove(all[6] as QueueId);
    const { json } = await admin.ask('GET', `/v1/queue?order=oldest&limit=3&cursor=${first.json.cursor}`);
    expect(json.messages.map((message: QueuedMessage) => message.id)).toEqual([all[5], all[7], all[8]]);
  });

  test('a query that does not read says what was expected', async () => {
    for (const [query, said] of [
      ['older-than=soon', 'older-than: expected a duration such as'],
      ['state=lost', 'state: '],
      ['id=7', 'id: expected a queue id'],
      ['sender=a&sender=b', 'sender: '],
      ['limit=0', 'limit: '],
      ['colour=red', 'colour'],
    ]) {
      const { status, json } = await admin.ask('GET', `/v1/queue?${query}`);
      expect([status, json.error.code], query).toEqual([400, 'bad-request']);
      expect(json.error.message).toContain(said);
    }
    expect((await admin.ask('GET', `/v1/queue/${newQueueId(0, 1)}`)).status).toBe(404);
    expect((await admin.ask('GET', `/v1/queue/${newQueueId(31, 1)}`)).status).toBe(404);
  });
});

describe('changing', () => {
  test('what is held is not routed until it is released, and each change is audited', async () => {
    const [id, other] = [await admin.send({ from: 'a@one.test' }), await admin.send()];
    expect((await admin.ask('POST', `/v1/queue/hold?id=${id}`)).json).toEqual({ matched: 1, changed: 1 });
    expect((await admin.ask('POST', '/v1/queue/hold?sender=a@one.test')).json).toEqual({ matched: 1, changed: 0, unchanged: { held: 1 } });
    const routed: string[] = [];
    const router = await admin.world.system.startPool('router', () => ({
      receive: async (entry) => {
        if (!(await admin.world.spool.read({ id: entry as QueueId, recipients: [] }, { role: 'router' }))) return;
        routed.push(entry);
        await admin.route(entry as QueueId, [{}]);
      },
    }));
    await eventually(() => routed.includes(other));
    await eventually(async () => (await admin.world.system.depths()).every(({ role, due }) => role !== 'router' || due === 0));
    expect(routed).toEqual([other]);
    expect((await admin.ask('POST', '/v1/queue/release?state=held')).json).toEqual({ matched: 1, changed: 1 });
    await eventually(() => routed.includes(id));
    expect((await admin.ask('POST', '/v1/queue/release?all=true')).json).toEqual({ matched: 2, changed: 0, unchanged: { 'not held': 2 } });
    await router.drain(AbortSignal.timeout(2000));
    expect(admin.world.lines.filter((line) => line['audit']).map(({ msg, changed }) => [msg, changed])).toEqual([
      ['queue hold', 1],
      ['queue hold', 0],
      ['queue release', 1],
      ['queue release', 0],
    ]);
  });

  test('deleting by filter takes what matches and nothing else', async () => {
    const doomed = await Promise.all(Array.from({ length: 120 }, () => admin.send({ from: 'spam@bad.test' })));
    const kept = await admin.send();
    expect((await admin.ask('DELETE', '/v1/queue?sender=spam@bad.test')).json).toEqual({ matched: doomed.length, changed: doomed.length });
    expect(await ids()).toEqual([kept]);
    expect((await admin.ask('DELETE', `/v1/queue?id=${doomed[0]}`)).json).toEqual({ matched: 0, changed: 0 });
  });

  test('everything is changed only when that is asked for in so many words', async () => {
    await admin.send();
    for (const [method, path] of [
      ['DELETE', '/v1/queue'],
      ['POST', '/v1/queue/hold'],
      ['POST', '/v1/queue/release'],
    ] as const) {
      expect((await admin.ask(method, path)).status).toBe(400);
    }
    expect((await admin.ask('DELETE', '/v1/queue?all=true')).json).toEqual({ matched: 1, changed: 1 });
  });

  test.each([
    ['one message', (id: string) => `id=${id}`, 1],
    ['a filter', () => 'recipient=first@example.net', 1],
    ['everything', () => '', 2],
  ])('a flush of %s makes due at once what waits, and opens the circuit of its site', async (_what, query, flushed) => {
    const [first, second] = [await admin.send(), await admin.send()];
    await admin.route(first, [{ address: 'first@example.net' }]);
    await admin.route(second, [{ address: 'second@example.net' }]);
    await defer(first);
    await defer(second);
    const keys = admin.world.system.shards.map(({ base }) => `${base}key:remote-delivery:${SITE}`);
    for (const key of keys) await admin.world.system.reader.hset(key, 'until', String(Date.now() + 3_600_000));
    expect((await list())[0]?.recipients[0]?.circuitUntil).toBeGreaterThan(Date.now());
    expect((await admin.ask('POST', `/v1/queue/flush?${query(first)}`)).json).toEqual({ matched: flushed, changed: flushed });
    const seen: string[] = [];
    const delivery = await admin.world.system.startKeyed('remote-delivery', () => ({
      receive: async (entry) => void seen.push(entry.slice(0, 25)),
      window: () => 10,
    }));
    await eventually(() => seen.includes(first) && (flushed === 1 || seen.includes(second)));
    expect(seen.includes(second)).toBe(flushed === 2);
    await delivery.drain(AbortSignal.timeout(2000));
  });
});

describe('a flush says of each message what it is', () => {
  const flush = async (query: string) => (await admin.ask('POST', `/v1/queue/flush?${query}`)).json;
  const waits = async (address: string) => {
    const id = await admin.send({ from: address });
    await admin.route(id, [{ address }]);
    await defer(id);
    return id;
  };

  test('held mail stays held, and keeps its time', async () => {
    const [held, free] = [await waits('held@example.net'), await waits('free@example.net')];
    await admin.ask('POST', `/v1/queue/hold?id=${held}`);
    // After a failed attempt its content moves, behind what the attempt waits for.
    await eventually(async () => (await list(`id=${held}`))[0]?.tier === 'cold');
    const before = (await list(`id=${held}`))[0];
    expect(await flush(`id=${held}`)).toEqual({ matched: 1, changed: 0, unchanged: { held: 1 } });
    expect(await flush('domain=example.net')).toEqual({ matched: 2, changed: 1, unchanged: { held: 1 } });
    expect(await flush('domain=example.net')).toEqual({ matched: 2, changed: 0, unchanged: { held: 1, due: 1 } });
    expect((await list(`id=${held}`))[0]).toEqual(before);
    expect((await list(`id=${free}`))[0]?.recipients[0]?.due).toBeLessThanOrEqual(Date.now());
  });

  test('a flush of everything leaves what is held, page by page', async () => {
    await waits('free@example.net');
    for (let nth = 0; nth < 3; nth++) await waits(`held${nth}@example.net`);
    expect((await admin.ask('POST', '/v1/queue/hold?sender=held1@example.net')).json).toEqual({ matched: 1, changed: 1 });
    await admin.ask('POST', '/v1/queue/hold?sender=held2@example.net');
    const shards = admin.world.system.shards.map((shard) => admin.world.spool.operator.hurry(`remote-delivery:${SITE}`, shard, 1));
    const done = await Promise.all(shards);
    expect([done.reduce((sum, { changed }) => sum + changed, 0), done.reduce((sum, { held }) => sum + held, 0)]).toEqual([2, 2]);
    expect(await flush('')).toEqual({ matched: 2, changed: 0, unchanged: { held: 2 } });
    expect((await list('state=held')).every(({ recipients }) => Number(recipients[0]?.due) > Date.now())).toBe(true);
  });

  test.each([
    ['by id', (id: string) => `id=${id}`, { matched: 1, changed: 1 }],
    ['with everything', () => '', { matched: 3, changed: 2, unchanged: { held: 1 } }],
  ])('mail that is due and only waits for its site is let go %s', async (_how, query, answer) => {
    // On two shards; each has a circuit of its own.
    const sent: QueueId[] = [];
    for (let nth = 0; nth < 3; nth++) {
      const id = await admin.send();
      await admin.route(id, [{}]);
      sent.push(id);
    }
    for (const { base } of admin.world.system.shards)
      await admin.world.system.reader.hset(`${base}key:remote-delivery:${SITE}`, 'until', String(Date.now() + 3_600_000));
    await admin.world.spool.operator.hold(sent[2] as QueueId);
    expect(await flush(query(sent[0] as QueueId))).toEqual(answer);
    expect((await list(`id=${sent[0]}`))[0]?.recipients[0]?.circuitUntil).toBeUndefined();
    expect(await flush(`id=${sent[0]}`)).toEqual({ matched: 1, changed: 0, unchanged: { due: 1 } });
  });

  test('what waits for its turn, what is a dead letter, and what is not there', async () => {
    const [incoming, lost] = [await admin.send(), await admin.send()];
    const base = admin.world.system.shards.find((shard) => shard.base.endsWith(`:${lost[0]}}:`))?.base;
    await admin.world.system.reader.zrem(`${base}due:router`, lost);
    expect(await flush(`id=${incoming}`)).toEqual({ matched: 1, changed: 0, unchanged: { due: 1 } });
    expect(await flush(`id=${lost}`)).toEqual({ matched: 1, changed: 0, unchanged: { lost: 1 } });
    const absent = newQueueId(0, 1);
    for (const verb of ['flush', 'hold', 'release'])
      expect((await admin.ask('POST', `/v1/queue/${verb}?id=${absent}`)).json).toEqual({ matched: 0, changed: 0 });
  });
});

test('dead letters are listed, replayed and dropped, one by one or all', async () => {
  const [first, second, third] = [await admin.send(), await admin.send(), await admin.send()];
  const bury = async (id: string) => {
    const base = admin.world.system.shards.find(({ base: each }) => each.endsWith(`:${id[0]}}:`))?.base;
    await admin.world.system.reader.zrem(`${base}due:router`, id);
    await admin.world.system.reader.hset(`${base}dead`, `router\n${id}`, JSON.stringify({ error: 'a bug', at: 5 }));
  };
  await Promise.all([first, second, third].map(bury));
  expect((await admin.ask('GET', '/v1/status')).json.queue.deadLetters).toBe(3);
  expect((await admin.ask('GET', '/v1/dead-letters')).json.deadLetters).toContainEqual({ mailbox: 'router', entry: first, error: 'a bug', at: 5 });
  expect((await admin.ask('POST', '/v1/dead-letters')).status).toBe(400);
  expect((await admin.ask('POST', `/v1/dead-letters?entry=${first}`)).json).toEqual({ matched: 1, changed: 1 });
  expect((await admin.ask('DELETE', `/v1/dead-letters?entry=${second}&mailbox=router`)).json).toEqual({ matched: 1, changed: 1 });
  const routed: string[] = [];
  const router = await admin.world.system.startPool('router', () => ({ receive: async (entry) => void routed.push(entry) }));
  await eventually(() => routed.includes(first));
  expect((await admin.ask('POST', '/v1/dead-letters?all=true')).json).toEqual({ matched: 1, changed: 1 });
  await eventually(() => routed.includes(third));
  await router.drain(AbortSignal.timeout(2000));
  const { json } = await admin.ask('GET', `/v1/trace?id=${first}`);
  expect(json.messages[0].events.map(({ kind }: { kind: string }) => kind)).toEqual(['received', 'dead-letter', 'replayed']);
});

test('status counts, and while Redis is away it says so and every other answer is 503', async () => {
  await admin.send();
  const { json } = await admin.ask('GET', '/v1/status');
  expect(json).toMatchObject({ refusing: null, queue: { messages: 1, deadLetters: 0 } });
  expect(json.queue.roles.find(({ role }: { role: string }) => role === 'router')).toMatchObject({ due: 1, delayed: 0 });
  await eventually(async () => (await admin.world.metrics.registry.metrics()).includes('stafette_queue_due{role="router"}'));
  await admin.world.redis.kill();
  await eventually(async () => (await admin.ask('GET', '/v1/queue')).status === 503);
  expect((await admin.ask('GET', '/v1/status')).json.queue).toBe(null);
  await admin.world.redis.start();
  await eventually(async () => (await admin.ask('GET', '/v1/queue')).status === 200);
});
