// A rolling update and a rollback: what this version leaves in Redis the version before finds, and the reverse. The version before is the program
// of its last commit (testing/previous-version.ts), not a likeness. How versions go together: docs/decisions/record-versions.md.
import { expect, test } from 'vitest';
import type { QueuedMessage } from '#shared/protocol/admin-api.ts';
import { RECORD_VERSION } from '#shared/spool/record.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Product } from '#shared/testing/product.ts';
import { arrived, asked, expectAllOnce, type Ids, leaveMail, leaveUnrouted, letGo, PARKING, queued, ROLES, TAKING } from './testing/mail-in-every-state.ts';
import { greeted, sendOn } from './testing/talk.ts';
import { BEFORE, openVersions, type Versions, type Writer } from './testing/versions.ts';

/** A writer leaves its mail and ends; what an operator is shown of it then. */
async function leaveAll(world: Versions, writer: Writer): Promise<{ readonly ids: Ids; readonly shown: readonly QueuedMessage[] }> {
  const parking = await world.start(writer, PARKING);
  const parked = await leaveMail(parking, world.redis);
  await parking.stop();
  const taking = await world.start(writer, TAKING);
  const ids = { ...parked, ...(await leaveUnrouted(taking)) };
  const shown = await queued(taking);
  expect(shown.map(({ id }) => id).toSorted()).toEqual(Object.values(ids).toSorted());
  await taking.stop();
  return { ids, shown };
}

/** Lets everything go, and holds what came of it against what was sent. */
async function bringToEnd(world: Versions, reader: Product, ids: Ids): Promise<void> {
  await letGo(reader);
  await eventually(async () => (await queued(reader)).length === 0, { within: 45_000, every: 250 });
  expectAllOnce(world.sink);
  const { mailboxes } = await asked<{ mailboxes: readonly { messages: number }[] }>(reader, 'mailbox', 'list');
  expect(mailboxes.map(({ messages }) => messages).filter(Boolean)).toEqual([1, 1]);
  expect(await asked(reader, 'dead-letters', 'list')).toMatchObject({ deadLetters: [] });
  const { messages } = await asked<{ messages: readonly { events: readonly { kind: string }[] }[] }>(reader, 'trace', ids.several);
  // Its life is one, whoever wrote which part of it: two attempts of the writer, one of the reader.
  const kinds = messages[0]?.events.map(({ kind }) => kind) ?? [];
  expect([kinds[0], kinds[1], kinds.filter((kind) => kind === 'attempted').length]).toEqual(['received', 'routed', 3]);
}

/** Log lines that say of an entry that it was not handled. */
function unhandled(product: Product): readonly string[] {
  return product.log().flatMap(({ msg, entry }) => (msg === 'actor failed' || msg === 'put back for a newer version' ? [String(entry)] : []));
}

test.for<{ writer: Writer; reader: Writer }>([
  { writer: 'the version before', reader: 'this version' },
  { writer: 'this version, writing as the version before', reader: 'the version before' },
])('what $writer left, $reader shows as it is and brings to its end', { timeout: 240_000 }, async ({ writer, reader }) => {
  await using world = await openVersions();
  const { ids, shown } = await leaveAll(world, writer);
  expect(await world.versionsOf(Object.values(ids))).toEqual([BEFORE]);

  const looking = await world.start(reader, ['admin']);
  expect(await queued(looking)).toEqual(shown);
  await looking.stop();

  world.sink.behave({});
  const product = await world.start(reader, ROLES);
  await bringToEnd(world, product, ids);
  expect(unhandled(product)).toEqual([]);
});

test('what is too new for the version before it leaves alone, and this version brings it to its end', { timeout: 240_000 }, async () => {
  await using world = await openVersions();
  const { ids } = await leaveAll(world, 'this version');
  expect(await world.versionsOf(Object.values(ids))).toEqual([RECORD_VERSION]);
  const [received, stored] = [world.sink.messages.length, await world.records()];

  world.sink.behave({});
  const before = await world.start('the version before', ROLES);
  await asked(before, 'queue', 'flush');
  const { held: _held, dead: _dead, ...awake } = ids;
  const refused = () => new Set(unhandled(before).map((entry) => entry.slice(0, 25)));
  await eventually(() => Object.values(awake).every((id) => refused().has(id)), { within: 30_000, every: 100 });
  await before.stop();
  expect(world.sink.messages).toHaveLength(received);
  expect(await world.records()).toEqual(stored);

  await bringToEnd(world, await world.start('this version', ROLES), ids);
});

/** Sends messages of one and of three recipients until `over`, or until the product hangs up; `acknowledged` grows by their recipients. */
async function sendAlong(product: Product, name: string, over: () => boolean, acknowledged: string[]): Promise<void> {
  await using dialogue = await greeted(product.smtp);
  for (let i = 0; !over(); i++) {
    const to = (i % 2 ? ['a', 'b', 'never'] : ['a']).map((who) => `${who}-${name}-${i}@away.test`);
    await sendOn(dialogue, { to });
    acknowledged.push(...to);
  }
}

test('a rolling update under load puts nothing back, loses nothing and doubles nothing', { timeout: 180_000 }, async () => {
  await using world = await openVersions();
  const before = await world.start('the version before', ROLES);
  const after = await world.start('this version, writing as the version before', ROLES);
  const acknowledged: string[] = [];
  let over = false;
  const sessions = (product: Product, name: string) => Array.from({ length: 4 }, (_, i) => sendAlong(product, `${name}${i}`, () => over, acknowledged));
  const hungUp = Promise.allSettled(sessions(before, 'before'));
  const served = Promise.all(sessions(after, 'after'));
  const more = async (count: number) => {
    const enough = acknowledged.length + count;
    await eventually(() => acknowledged.length >= enough, { within: 60_000 });
  };
  await more(300);
  await before.stop();
  await more(150);
  over = true;
  await Promise.all([hungUp, served]);
  await eventually(async () => (await queued(after)).length === 0, { within: 45_000, every: 200 });
  const { mail, told } = arrived(world.sink);
  const settled = [...mail.flatMap(({ recipients }) => recipients.map(({ path }) => path)), ...told];
  expect(acknowledged.filter((path) => !settled.includes(path))).toEqual([]);
  expect(new Set(settled).size).toBe(settled.length);
  expect([before, after].flatMap(unhandled)).toEqual([]);
});
