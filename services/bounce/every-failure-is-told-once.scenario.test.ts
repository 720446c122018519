import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BounceWorld, startBounceWorld } from './testing/bounce-world.ts';

let world: BounceWorld;
let before = 0;

beforeAll(async () => {
  world = await startBounceWorld({ bounce: { content_limit: '1KB' } });
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  before = world.dsns.length;
});

const news = () => world.dsns.slice(before);

test('one DSN tells the sender of all that failed together, and nothing is left', async () => {
  const id = await world.send({ envid: 'E1', ret: 'full' }, [{}, { address: 'carol@example.net' }]);
  await world.idle();
  expect(news()).toHaveLength(1);
  const [dsn] = news();
  expect(dsn?.view.head).toMatchObject({ envelope: { reversePath: '', recipients: [{ address: 'alice@example.org' }] }, origin: { kind: 'dsn', parent: id } });
  expect(dsn?.text).toMatch(/Original-Envelope-Id: E1\r\n/);
  expect(dsn?.text.match(/^Final-Recipient: .*$/gm)).toEqual(['Final-Recipient: rfc822; bob@example.net', 'Final-Recipient: rfc822; carol@example.net']);
  expect(dsn?.text).toContain('\r\n\r\nThe body.\r\n');
  expect(dsn?.id).toBe(world.spool.dsnId({ id, recipients: [0, 1] }));
  expect(await world.events(id)).toContainEqual(
    expect.objectContaining({ kind: 'dsn', detail: { dsn: dsn?.id, to: 'alice@example.org', actions: ['failed'], recipients: [0, 1] } }),
  );
  expect(world.lines).toContainEqual(expect.objectContaining({ msg: 'dsn', id, dsn: dsn?.id }));
});

test('each reverse-path has its own DSN, and who did not ask hears nothing', async () => {
  await world.send({}, [{}, { reversePath: 'owner@list.example' }, { notify: ['never'] }, { outcome: { kind: 'delivered' }, notify: ['success'] }]);
  await world.idle();
  expect(
    news()
      .map(({ view }) => view.head.envelope.recipients[0]?.address)
      .sort(),
  ).toEqual(['alice@example.org', 'owner@list.example']);
  const mine = news().find(({ view }) => view.head.envelope.recipients[0]?.address === 'alice@example.org');
  expect(mine?.text.match(/^Action: .*$/gm)).toEqual(['Action: failed', 'Action: expanded']);
});

test('wake-ups that come again make no second DSN', async () => {
  await world.send({}, [{}, {}], undefined, { wakes: Array.from({ length: 20 }, () => [0, 1]) });
  await world.idle();
  expect(news()).toHaveLength(1);
});

test('wake-ups that overlap tell of each recipient once', async () => {
  const addresses = Array.from({ length: 6 }, (_, at) => ({ address: `r${at}@example.net` }));
  await world.send({}, addresses, undefined, { wakes: [[0], [1, 2], [2, 3], [0, 5], [4], [5]] });
  await world.idle();
  const told = news().flatMap(({ text }) => text.match(/^Final-Recipient: .*$/gm) ?? []);
  expect(told.sort()).toEqual(addresses.map(({ address }) => `Final-Recipient: rfc822; ${address}`));
});

test('a message whose content is lost is reported without it', async () => {
  await world.send({}, [{}], Buffer.from('Subject: lost\r\n\r\nlost\r\n'), { loseContent: true });
  await world.idle();
  expect(news()[0]?.text).toContain('The message itself is no longer at hand.');
  expect(news()[0]?.text).not.toContain('Subject: lost');
});

test('over the limit the header alone comes back, from the cold tier too', async () => {
  await world.send({}, [{}], Buffer.from(`Subject: Long\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(2000)));
  await world.idle();
  const [dsn] = news();
  expect(dsn?.text).toContain('Content-Type: text/rfc822-headers\r\n');
  expect(dsn?.text).toContain('\r\n\r\nSubject: Long\r\n\r\n--');
  expect(dsn?.text).not.toContain('xxxxx');
});

test('a success that was asked for is told without the content', async () => {
  await world.send({}, [{ outcome: { kind: 'relayed', dsnHonoured: false }, notify: ['success'] }]);
  await world.idle();
  expect(news()[0]?.text).toContain('\r\nAction: relayed\r\n');
  expect(news()[0]?.text).not.toContain('The body.');
});

test('six hundred recipients are told in two DSNs', async () => {
  await world.send(
    {},
    Array.from({ length: 600 }, (_, at) => ({ address: `r${at}@example.net` })),
  );
  await world.idle();
  expect(news().map(({ text }) => text.match(/^Final-Recipient: /gm)?.length)).toEqual([500, 100]);
});
