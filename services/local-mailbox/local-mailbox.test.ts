// The local-mailbox actor on a real spool and mail store.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { CONTENT, startMailboxWorld } from './testing/mailbox-world.ts';

test('a message is filed for each recipient with its own Return-Path and Delivered-To, and leaves the spool', async () => {
  await using mailboxes = await startMailboxWorld();
  const { mailstore, world } = mailboxes;
  await mailboxes.serve();
  const id = await mailboxes.send(['alice@example.org', 'Bob+list@Example.ORG']);
  const large = await mailboxes.send(['alice@example.org'], { from: '', content: Buffer.alloc(400_000, 'Line\r\n') });
  await mailboxes.idle();
  const alice = await mailstore.list('alice@example.org', 'INBOX');
  expect(alice.map(({ queueId }) => queueId).sort()).toEqual([id, large].sort());
  const uidOf = (queueId: string): number => alice.find((message) => message.queueId === queueId)?.uid ?? 0;
  const text = (await mailstore.read('alice@example.org', 'INBOX', uidOf(id))).toString();
  expect(text).toBe(`Return-Path: <sender@example.com>\r\nDelivered-To: alice@example.org\r\n${CONTENT}`);
  expect((await mailstore.read('bob@example.org', 'INBOX', 1)).toString()).toContain('Delivered-To: Bob+list@Example.ORG\r\n');
  const filed = await mailstore.read('alice@example.org', 'INBOX', uidOf(large));
  expect(filed.toString()).toMatch(/^Return-Path: <>\r\n/);
  expect(filed).toHaveLength(400_000 + 'Return-Path: <>\r\nDelivered-To: alice@example.org\r\n'.length);
  expect(await world.spool.read({ id, recipients: [0, 1] }, { role: 'local-mailbox' })).toBeNull();
  expect((await mailboxes.event(id, 'delivered')).detail).toMatchObject({ recipient: 0, account: 'alice@example.org', mailbox: 'INBOX' });
  expect(await world.metrics.registry.getSingleMetricAsString('stafette_outcomes_total')).toContain('{role="local-mailbox",kind="delivered"} 3');
  expect(world.lines.filter((line) => line['id'] === id && line['msg'] === 'delivered')).toHaveLength(2);
});

test('an account that has gone is a failure with 5.1.1 and an owed DSN; NOTIFY=SUCCESS owes one on delivery', async () => {
  await using mailboxes = await startMailboxWorld();
  await mailboxes.serve();
  const lost = await mailboxes.send(['carol@example.org', 'alice@example.org']);
  const told = await mailboxes.send(['alice@example.org'], { notify: ['success'] });
  await mailboxes.event(lost, 'failed');
  await mailboxes.event(told, 'delivered');
  const read = (id: typeof lost) => mailboxes.world.spool.read({ id, recipients: [0, 1] }, { role: 'bounce' });
  expect((await read(lost))?.recipients.map(({ number, last }) => [number, last?.kind, last && 'status' in last && last.status])).toEqual([
    [0, 'failed', '5.1.1'],
  ]);
  expect((await read(told))?.recipients.map(({ last }) => last?.kind)).toEqual(['delivered']);
  expect(await mailboxes.mailstore.list('alice@example.org', 'INBOX')).toHaveLength(2);
});

test('over quota waits with 4.2.2 while others are served, and is delivered once there is room', async () => {
  const quota = { bytes: 1000 };
  await using mailboxes = await startMailboxWorld({ quota: () => quota.bytes });
  await mailboxes.serve();
  const id = await mailboxes.send(['alice@example.org'], { content: Buffer.alloc(5000, 'x') });
  const small = await mailboxes.send(['alice@example.org']);
  expect((await mailboxes.event(id, 'delayed')).detail).toMatchObject({ status: '4.2.2', recipient: 0 });
  await mailboxes.event(small, 'delivered');
  quota.bytes = 0;
  await mailboxes.event(id, 'delivered');
  await mailboxes.idle();
  expect(await mailboxes.mailstore.list('alice@example.org', 'INBOX')).toHaveLength(2);
});

test('a settlement that failed after filing, or a mail store that was away, is made good without a second copy', async () => {
  await using mailboxes = await startMailboxWorld();
  const { host, mailstore } = mailboxes;
  const failures = { settle: 1, deliver: 1 };
  const failing = <A extends unknown[], R>(kind: keyof typeof failures, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (failures[kind]-- > 0) throw new Error(`no ${kind} this time`);
      return await call(...args);
    };
  };
  const spool: typeof host.spool = {
    ...{ newId: () => host.spool.newId(), commit: (...args) => host.spool.commit(...args), expand: (...args) => host.spool.expand(...args) },
    ...{ read: (...args) => host.spool.read(...args), content: (...args) => host.spool.content(...args), move: (...args) => host.spool.move(...args) },
    ...{ settleOwed: (...args) => host.spool.settleOwed(...args), dsnId: (...args) => host.spool.dsnId(...args) },
    probe: (...args) => host.spool.probe(...args),
    settle: failing('settle', (...args) => host.spool.settle(...args)),
  };
  await mailboxes.serve({ ...host, spool, mailstore: { ...mailstore, deliver: failing('deliver', mailstore.deliver) } });
  const id = await mailboxes.send(['alice@example.org', 'bob@example.org']);
  await mailboxes.idle();
  expect(failures).toEqual({ settle: -1, deliver: -2 });
  expect(await mailstore.list('alice@example.org', 'INBOX')).toMatchObject([{ uid: 1, queueId: id }]);
  expect(await mailstore.list('bob@example.org', 'INBOX')).toMatchObject([{ uid: 1, queueId: id }]);
  expect((await mailboxes.event(id, 'delivered')).detail).toMatchObject({ repeated: true });
});

test('a full mail store delays with 4.3.1, missing content with 4.3.0: neither is a bounce', async () => {
  await using full = await startMailboxWorld({ minFree: 1e15 });
  await full.serve();
  expect((await full.event(await full.send(['alice@example.org']), 'delayed')).detail).toMatchObject({ status: '4.3.1' });

  await using mailboxes = await startMailboxWorld();
  const id = await mailboxes.send(['alice@example.org'], { content: Buffer.alloc(400_000) });
  const waiting = () => mailboxes.world.spool.read({ id, recipients: [0] }, { role: 'local-mailbox' });
  const view = await eventually(waiting);
  const location = view.place.tier === 'cold' ? view.place.location : '';
  expect(location).not.toBe('');
  await mailboxes.world.cold.remove(location);
  await mailboxes.serve();
  expect((await mailboxes.event(id, 'delayed')).detail).toMatchObject({ status: '4.3.0' });
  expect((await waiting())?.recipients).toHaveLength(1);
  expect(await mailboxes.world.metrics.registry.getSingleMetricAsString('stafette_content_missing_total')).toMatch(/_total [1-9]/);
});

test('a damaged mail store directory is retried and not lost', async () => {
  await using mailboxes = await startMailboxWorld();
  await rm(join(mailboxes.dataDir, 'mail'), { recursive: true });
  await mailboxes.serve();
  const id = await mailboxes.send(['alice@example.org']);
  await eventually(async () => (await mailboxes.world.metrics.registry.getSingleMetricAsString('stafette_retried_total')).includes('local-mailbox'));
  expect(await mailboxes.world.spool.read({ id, recipients: [0] }, { role: 'local-mailbox' })).not.toBeNull();
});
