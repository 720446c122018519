// A rolling update: a newer version has written records. Fields that this version does not know survive its rewrites; a record too new for
// it is put back, neither lost nor bounced, and delivered by a reader that knows it.

import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { RECORD_VERSION } from '#shared/spool/record.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type Product, startProduct } from '#shared/testing/product.ts';
import { startSink } from '#shared/testing/sink.ts';
import { send } from './testing/talk.ts';

const RECORDS = '{stafette:0}:m:';

async function deferredOne() {
  await using started = new AsyncDisposableStack();
  const sink = started.use(await startSink({ tls: 'none', script: { rcpt: () => '450 4.2.0 Try later' } }));
  const routes = { '*': { transport: 'smarthost' as const, host: '127.0.0.1', port: sink.port, tls: 'none' as const } };
  const product = started.use(await startProduct({ config: { routes, delivery: { retry: ['1s'], circuit: ['1s'] } } }));
  const redis = new Redis({ path: join(product.dataDir, 'redis/redis.sock') });
  started.defer(() => redis.disconnect());
  const id = await send(product, { to: 'rcpt@away.test' });
  const field = async (name: string) => (await redis.hget(`${RECORDS}${id}`, name)) ?? '';
  await eventually(async () => /"last"/.test(await field('r0')), { within: 15_000 });
  const all = started.move();
  return { sink, product, redis, id, key: `${RECORDS}${id}`, field, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const attempts = (product: Product) => product.metric('delivery_attempts_total');

test('what a newer version added to a record survives a rewrite', { timeout: 60_000 }, async () => {
  await using one = await deferredOne();
  const [head, recipient] = [await one.field('e'), await one.field('r0')];
  await one.redis.hset(one.key, 'e', head.replace('{', '{"novel":{"a":1},'), 'r0', recipient.replace('{', '{"novelty":[1,2],'), 'z', 'a new field');
  const before = await attempts(one.product);
  await eventually(async () => (await attempts(one.product)) >= before + 2, { within: 20_000 });
  expect(await one.field('e')).toContain('"novel":{"a":1}');
  expect(await one.field('r0')).toContain('"novelty":[1,2]');
  expect(await one.field('z')).toBe('a new field');
  one.sink.behave({});
  await one.sink.received(1, { within: 20_000 });
});

test('a record too new is put back until a reader knows it, and that is no try of it', { timeout: 120_000 }, async () => {
  await using one = await deferredOne();
  const head = await one.field('e');
  const { mailbox } = /:(?<mailbox>.*)/.exec(await one.field('r0'))?.groups ?? {};
  await one.redis.hset(one.key, 'e', head.replace(`"version":${RECORD_VERSION}`, `"version":${RECORD_VERSION + 1}`));
  one.sink.behave({});
  await eventually(async () => (await one.product.metric('put_back_total')) >= 1, { within: 20_000, every: 100 });
  await eventually(async () => (await one.redis.hexists(`{stafette:0}:key:${mailbox}`, 'job')) === 0, { within: 10_000 });
  expect(await one.redis.hexists(`{stafette:0}:key:${mailbox}`, 'tries')).toBe(0);
  expect(one.product.log().filter(({ msg, why }) => msg === 'put back for a newer version' && /record of version/.test(String(why)))).not.toEqual([]);
  expect(one.sink.messages).toEqual([]);
  expect(await one.field('e')).toContain(`"version":${RECORD_VERSION + 1}`);
  expect(await one.product.metric('dsns_total')).toBe(0);
  await one.redis.hset(one.key, 'e', head);
  const [message] = await one.sink.received(1, { within: 45_000 });
  expect(message?.recipients.map(({ path }) => path)).toEqual(['rcpt@away.test']);
});
