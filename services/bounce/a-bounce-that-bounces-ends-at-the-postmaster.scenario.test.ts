import { expect, test } from 'vitest';
import { startBounceWorld } from './testing/bounce-world.ts';

test('a DSN that fails goes to the postmaster once; when that fails too it is dropped in plain sight', async () => {
  await using world = await startBounceWorld({}, {});
  const id = await world.send({}, [{}]);
  await world.idle();
  const [toSender, toPostmaster, ...others] = world.dsns;
  expect(others).toEqual([]);
  expect(toSender?.view.head).toMatchObject({ origin: { parent: id }, envelope: { reversePath: '', recipients: [{ address: 'alice@example.org' }] } });
  expect(toPostmaster?.view.head).toMatchObject({ origin: { parent: toSender?.id }, envelope: { reversePath: '', recipients: [{ address: 'postmaster' }] } });
  expect(toPostmaster?.text).toContain('Subject: Undelivered mail without a return address\r\n');
  const last = toPostmaster?.id;
  if (!last) throw new Error('no report to the postmaster');
  expect(world.lines).toContainEqual(expect.objectContaining({ level: 40, id: last }));
  expect(await world.events(last)).toContainEqual(expect.objectContaining({ kind: 'dsn', detail: { dropped: true, recipients: [0] } }));
  const { values } = await world.metrics.dsns.get();
  expect(values.map(({ labels, value }) => [labels.action, value])).toEqual([
    ['failed', 2],
    ['dropped', 1],
  ]);
});
