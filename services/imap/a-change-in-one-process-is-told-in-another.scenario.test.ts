// Two processes serve one mail store: what happens in one is told in the other at once.
import { expect, test } from 'vitest';
import { startRedis } from '#shared/testing/redis.ts';
import { ALICE, startImapUnderTest } from './testing/imap-under-test.ts';

test('IDLE hears at once of deliveries, flags and expunges in another process', async () => {
  await using redis = await startRedis();
  await using first = await startImapUnderTest({ redis: redis.url });
  await using second = await first.another();
  await using idler = await first.logIn();
  await idler.ok('SELECT INBOX');
  idler.send('IDLE');
  await idler.response();

  const before = performance.now();
  await second.deliver(ALICE, ['1\r\n']);
  await idler.dialogue.transcript('S: * 1 EXISTS\nS: * 1 RECENT');
  expect(performance.now() - before).toBeLessThan(1_000);

  await using other = await second.logIn();
  await other.ok('SELECT INBOX');
  await other.ok('STORE 1 FLAGS (\\Deleted $Work)');
  await idler.dialogue.transcript('S: * FLAGS (* $Work)\nS: * OK [PERMANENTFLAGS *\nS: * 1 FETCH (FLAGS (\\Deleted $Work \\Recent))');
  await other.ok('EXPUNGE');
  await idler.dialogue.expect('* 1 EXPUNGE');
  idler.dialogue.send('DONE');
  await idler.dialogue.expect('a3 OK Idled');
}, 20_000);
