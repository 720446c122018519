// What a Redis must be before mail is acknowledged on it: each way to lose acknowledged mail is refused by the sentence that mends it.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { durabilityGap } from './durability.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.connection);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});

const SAFE = { appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'no', 'maxmemory-policy': 'noeviction', maxmemory: '256mb' };
beforeEach(async () => {
  for (const [setting, value] of Object.entries(SAFE)) await redis.config('SET', setting, value);
});

const gap = (config: Partial<ReturnType<typeof settings>> = {}) => durabilityGap(redis, { ...settings(), ...config });
const settings = () => schema.parse({}).redis;

test('one that keeps what it acknowledges is taken', async () => expect(await gap()).toBeNull());

test.each([
  ['appendonly', 'no'],
  ['appendfsync', 'everysec'],
  ['appendfsync', 'no'],
  ['no-appendfsync-on-rewrite', 'yes'],
  ['maxmemory-policy', 'allkeys-lru'],
  ['maxmemory-policy', 'volatile-ttl'],
  ['maxmemory', '0'],
])('%s %s is refused with what mends it', async (setting, value) => {
  await redis.config('SET', setting, value);
  const wanted = setting === 'maxmemory' ? 'maxmemory' : `${setting} ${SAFE[setting as keyof typeof SAFE]}`;
  expect(await gap()).toMatch(new RegExp(`^set \`${wanted}\`: [^;]+$`));
  // Written by hand, it is the operator's own word.
  expect(await gap({ durability: 'relaxed' })).toBeNull();
});

test('everything that is wrong is said at once', async () => {
  await redis.config('SET', 'appendfsync', 'everysec');
  await redis.config('SET', 'maxmemory', '0');
  expect(await gap()).toMatch(/^set `appendfsync always`: .+; set `maxmemory`: /);
});

test('a replica, and too few replicas, are refused', async () => {
  expect(await gap({ replicas: 1 })).toBe('redis.replicas is 1, but 0 are connected');
  await using replica = await startRedis({ directives: [`replicaof 127.0.0.1 ${server.port}`] });
  await eventually(async () => (await gap({ replicas: 1 })) === null);
  const second = new Redis(replica.connection);
  expect(await durabilityGap(second, settings())).toBe('this Redis is a replica: connect through Sentinel, or to the master');
  second.disconnect();
});
