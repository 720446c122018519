// What may be committed, and when no more: memory that is full, and cold content that has waited too long for its record.
import { expect, test } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { fresh, incoming, startWorld } from '#shared/testing/world.ts';
import { SpoolFullError } from './cold-store.ts';
import { SpoolUnavailableError } from './spool.ts';

const SMALL = Buffer.from('Subject: x\r\n\r\nx\r\n');

test('when memory is full new mail is refused, and a message of our own is not', async () => {
  await using world = await startWorld();
  await world.redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await expect(world.spool.commit(incoming(world.spool), SMALL)).rejects.toThrow(SpoolFullError);
  const own = incoming(world.spool, { from: '', reserve: true });
  expect(await world.spool.commit(own, SMALL)).toEqual({ size: SMALL.length });
  expect(await world.spool.read({ id: own.id, recipients: [] }, { role: 'router' })).not.toBeNull();
});

test('when memory is full outcomes are committed all the same, with the DSN that they owe', async () => {
  await using world = await startWorld();
  const message = incoming(world.spool);
  await world.spool.commit(message, SMALL);
  const mailbox = { role: 'local-mailbox' } as const;
  const recipient = { address: 'a@b.example', of: 0, transport: 'local', domain: 'b.example', rule: '*', mailbox } as const;
  await world.spool.expand(
    fresh(message.id),
    [0, 1].map((number) => ({ ...recipient, number })),
    [],
  );
  const view = await world.spool.read({ id: message.id, recipients: [0, 1] }, mailbox);
  if (!view) throw new Error('nothing waits');
  await world.redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  const failed = { attempt: 1, owesDsn: true, outcome: { kind: 'failed', status: '5.1.1', diagnostic: 'x' } } as const;
  const refused = world.spool.commit(incoming(world.spool), SMALL).catch((error: Error) => error);
  expect(await world.spool.settle(view, { mailbox }, [{ ...failed, number: 0 }])).toBe('committed');
  expect(await refused).toBeInstanceOf(SpoolFullError);
  expect(await world.spool.settle(view, { mailbox }, [{ ...failed, number: 1 }])).toBe('committed');
  expect(await world.redis.command('ZRANGE', '{stafette:0}:due:bounce', 0, -1)).toEqual([`${message.id}/0`, `${message.id}/1`]);
});

test('cold content that has waited five minutes for its record is not committed: the sweep may have taken it', async () => {
  let later = 0;
  const clock = { now: () => systemClock.now() + later, monotonic: () => systemClock.monotonic() + later };
  await using world = await startWorld({ clock, config: { redis: { commit_patience: '1h' }, queue: { hot_limit: '1KB' } } });
  await world.redis.stop();
  await eventually(() => expect(world.system.closedBecause()).not.toBeNull());
  const cold = world.spool.commit(incoming(world.spool), Buffer.alloc(5000, 'x'));
  const hot = world.spool.commit(incoming(world.spool), SMALL);
  const ended: string[] = [];
  void cold.catch(() => ended.push('cold'));
  void hot.catch(() => ended.push('hot'));
  await eventually(async () => expect((await world.cold.usage()).storedBytes).toBeGreaterThan(0));
  later = 299_000;
  await world.cold.usage();
  expect(ended).toEqual([]);
  later = 301_000;
  await expect(cold).rejects.toThrow(SpoolUnavailableError);
  await world.redis.start();
  expect(await hot).toEqual({ size: SMALL.length });
});
