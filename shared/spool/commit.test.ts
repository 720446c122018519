// What may be committed, and when no more: memory that is full, and cold content that has waited too long for its record.
import { expect, test } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { incoming, startWorld } from '#shared/testing/world.ts';
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
