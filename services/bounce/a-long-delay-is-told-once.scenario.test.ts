import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startBounceWorld } from './testing/bounce-world.ts';

const MANY_TRIES = { delivery: { delay_warning: '1ms', retry: ['30ms'] } };
const fields = (text: string | undefined, name: string) => text?.match(new RegExp(`^${name}: .*$`, 'gm')) ?? [];

test('a long delay is told once to senders who want to hear of it, and the mail is delivered all the same', async () => {
  await using world = await startBounceWorld(MANY_TRIES);
  const fates = [
    { address: 'default@example.net' },
    { address: 'asked@example.net', notify: ['delay'] as const },
    { address: 'never@example.net', notify: ['never'] as const },
    { address: 'failure@example.net', notify: ['failure', 'success'] as const },
    { address: 'member@example.net', reversePath: 'owner@list.example' },
  ];
  const id = await world.send(
    { envid: 'E1' },
    fates.map((fate) => ({ ...fate, delayed: true })),
  );
  await eventually(() => expect(world.dsns).toHaveLength(2));
  const [dsn, toOwner] = world.dsns.toSorted((a) => (fields(a.text, 'Final-Recipient').length > 1 ? -1 : 1));
  expect(fields(dsn?.text, 'Final-Recipient')).toEqual(['default', 'asked'].map((name) => `Final-Recipient: rfc822; ${name}@example.net`));
  expect(fields(dsn?.text, '(Action|Status)')).toEqual(['Action: delayed', 'Status: 4.2.2', 'Action: delayed', 'Status: 4.2.2']);
  expect(fields(dsn?.text, 'Last-Attempt-Date')).toHaveLength(2);
  const [until, arrival] = [fields(dsn?.text, 'Will-Retry-Until')[0], fields(dsn?.text, 'Arrival-Date')[0]].map((field) =>
    Date.parse(field?.replace(/^[^:]*: /, '') ?? ''),
  );
  expect((until ?? 0) - (arrival ?? 0)).toBe(5 * 86_400_000);
  expect(dsn?.text).toContain('Subject: Delayed mail (delivery is still being tried)\r\n');
  expect(dsn?.text).not.toContain('The body.');
  expect(dsn?.view.head).toMatchObject({ envelope: { reversePath: '', recipients: [{ address: 'alice@example.org' }] }, origin: { kind: 'dsn', parent: id } });
  expect(toOwner?.view.head.envelope.recipients).toEqual([{ address: 'owner@list.example' }]);
  world.deliver();
  await world.idle();
  expect(world.dsns).toHaveLength(2);
  const events = await world.events(id);
  expect(events.filter(({ kind }) => kind === 'dsn').map(({ detail }) => detail['actions'])).toEqual([['delayed'], ['delayed']]);
});

test('nobody is told of the delay of a message without a return address', async () => {
  await using world = await startBounceWorld(MANY_TRIES);
  await world.send({ reversePath: '' }, [{ delayed: true }]);
  const id = await world.send({}, [{ delayed: true }]);
  await eventually(() => expect(world.dsns).toHaveLength(1));
  world.deliver();
  await world.idle();
  expect(world.dsns.map(({ view }) => view.head.origin)).toEqual([{ kind: 'dsn', parent: id }]);
});
