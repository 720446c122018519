// With redis.replicas 1, a replica that does not answer keeps the 250 back; the message is not lost by that, and the next ones go when it is there again.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { greeted, mailAnswers, send } from './testing/talk.ts';

const OURS = { domains: { 'ours.test': {} }, accounts: [{ address: 'alice@ours.test' }] };

test('no 250 without the replica, and 250 again with it', { timeout: 90_000 }, async () => {
  await using master = await startRedis();
  await using replica = await startRedis({ directives: [`replicaof 127.0.0.1 ${master.port}`] });
  await eventually(async () => (await replica.info('replication')).get('master_link_status') === 'up', { within: 20_000 });
  const redis = { url: master.url, replicas: 1, replica_timeout: '300ms', commit_patience: '2s' };
  await using product = await startProduct({ config: { ...OURS, redis } });
  expect(await send(product, { to: 'alice@ours.test' })).not.toBe('');

  replica.suspend();
  await using waiting = await greeted(product.smtp);
  await waiting.transcript('C: MAIL FROM:<a@client.test>\nS: 250\nC: RCPT TO:<alice@ours.test>\nS: 250\nC: DATA\nS: 354\nC: Subject: x\nC:\nC: x');
  await waiting.command('.', '451 4.3.0 *');

  replica.resume();
  await mailAnswers(product, 250);
  await eventually(() => send(product, { to: 'alice@ours.test' }), { within: 20_000, every: 200 });
  await eventually(async () => (await product.metric('ingress_messages_total')) >= 2, { within: 10_000 });
});
