// A message's life as the API tells it: by all three keys, up to date, with where it stands now.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TraceAnswer } from '#shared/protocol/admin-api.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { type AdminWorld, SITE, startAdminWorld } from './testing/admin-world.ts';

let admin: AdminWorld;
beforeAll(async () => {
  admin = await startAdminWorld();
});
afterAll(() => admin[Symbol.asyncDispose]());

const trace = async (query: string): Promise<TraceAnswer> => (await admin.ask('GET', `/v1/trace?${query}`)).json;

test('a message is told at once by id, sender, recipient and Message-ID, and where it stands', async () => {
  const id = await admin.send({ from: 'ann@one.test', to: ['bob@two.test'], messageId: '<1@one.test>' });
  await admin.route(id, [{ address: 'bob@two.test' }], [{ id, at: Date.now(), kind: 'routed', detail: { recipients: [{ address: 'bob@two.test' }] } }]);
  for (const query of [`id=${id}`, 'address=ann@one.test', 'address=%3Cbob@TWO.test%3E', 'message-id=%3C1@one.test%3E', 'message-id=1@one.test']) {
    const { complete, messages } = await trace(query);
    expect(complete).toBe(true);
    expect(
      messages.map((message) => [message.id, message.events.map(({ kind }) => kind)]),
      query,
    ).toEqual([[id, ['received', 'routed']]]);
    expect(messages[0]?.now).toMatchObject({
      state: 'active',
      recipients: [{ address: 'bob@two.test', mailbox: `remote-delivery:${SITE}`, due: expect.any(Number) }],
    });
  }
});

test('a message that is done keeps its trace and stands nowhere', async () => {
  const id = await admin.send();
  await admin.ask('DELETE', `/v1/queue?id=${id}`);
  const { messages } = await trace(`id=${id}`);
  expect(messages.map(({ now, events }) => [now, events.map(({ kind }) => kind)])).toEqual([[null, ['received', 'deleted']]]);
});

test('a dead letter of a message is part of its answer', async () => {
  const id = await admin.send();
  const { base } = admin.world.system.shards[0] ?? { base: '' };
  await admin.world.system.reader.hset(`${base}dead`, `router\n${id}`, JSON.stringify({ error: 'a bug', at: 5 }));
  expect((await trace(`id=${id}`)).messages[0]?.deadLetters).toEqual([{ mailbox: 'router', entry: id, error: 'a bug', at: 5 }]);
});

test('nothing known is an empty answer; a question without one key is refused', async () => {
  expect(await trace(`id=${newQueueId(0, 1)}`)).toEqual({ messages: [], complete: true });
  for (const query of ['', 'id=x', `id=${newQueueId(0, 1)}&address=a@b`, 'subject=x'])
    expect((await admin.ask('GET', `/v1/trace?${query}`)).status, query).toBe(400);
});

test('the newest come first, and no more than asked for', async () => {
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await admin.send({ id: newQueueId(0, Date.now() + n * 1000), to: ['often@two.test'] }));
  expect((await trace('address=often@two.test&limit=3')).messages.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 3));
});
