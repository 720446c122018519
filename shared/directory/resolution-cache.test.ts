// The cache over a real Redis: two processes' worth of it, time in the test's hands.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Resolution } from '#shared/protocol/resolution.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { createResolutionCache, type ResolutionCache } from './resolution-cache.ts';

let server: RedisServer;
let redis: Redis;
let now: number;
const clock = { now: () => now, monotonic: () => now };
const START = Date.now();

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.connection);
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});
beforeEach(async () => {
  now = START;
  await redis.flushall();
});

const cache = (capacity?: number): ResolutionCache => createResolutionCache(redis, 'test', clock, capacity);
const hosts = (life: number): Resolution => ({
  kind: 'hosts',
  site: 'mx.example.org',
  hosts: [{ name: 'mx.example.org', preference: 10, addresses: ['192.0.2.1'] }],
  expiresAt: now + life,
});

describe('a resolution', () => {
  test('stored by one process is found by another, and then in the process', async () => {
    const [writer, reader] = [cache(), cache()];
    expect(await reader.lookup('example.org')).toBeNull();
    await writer.store('example.org', hosts(60_000));
    expect(reader.peek('example.org')).toBeNull();
    expect(await reader.lookup('example.org')).toEqual(hosts(60_000));
    expect(reader.peek('example.org')).toEqual(hosts(60_000));
    expect(writer.peek('example.org')).toEqual(hosts(60_000));
  });

  test('goes at its time, here and in Redis', async () => {
    const here = cache();
    await here.store('example.org', hosts(60_000));
    expect(await redis.pttl('test:dns:example.org')).toBeGreaterThan(59_000);
    now += 60_000;
    expect(here.peek('example.org')).toBeNull();
    expect(await here.lookup('example.org')).toBeNull();
    expect(await cache().lookup('example.org')).toBeNull();
  });

  test('that is over already is not kept', async () => {
    await cache().store('example.org', hosts(0));
    expect(await redis.exists('test:dns:example.org')).toBe(0);
  });

  test('in a form that we do not know counts as unknown', async () => {
    for (const text of ['not json', 'null', '{"version":99}', '{"version":1,"storedAt":1}']) {
      await redis.set('test:dns:example.org', text);
      expect(await cache().lookup('example.org')).toBeNull();
    }
  });
});

describe('the copy in the process', () => {
  test('is bounded; what was used last stays', async () => {
    const small = cache(2);
    await small.store('a.example', hosts(60_000));
    await small.store('b.example', hosts(60_000));
    small.peek('a.example');
    await small.store('c.example', hosts(60_000));
    expect(['a.example', 'b.example', 'c.example'].map((domain) => small.peek(domain) !== null)).toEqual([true, false, true]);
    expect(await small.lookup('b.example')).not.toBeNull();
  });
});

describe('what one process learnt', () => {
  test('another follows in seconds, although its own copy would hold', async () => {
    const [one, other] = [cache(), cache()];
    await one.store('example.org', hosts(60_000));
    await other.lookup('example.org');
    await one.store('example.org', { ...hosts(60_000), site: 'new.example.org' } as Resolution);
    now += 4_999;
    expect(other.peek('example.org')).toMatchObject({ site: 'mx.example.org' });
    now += 1;
    expect(other.peek('example.org')).toBeNull();
    expect(await other.lookup('example.org')).toMatchObject({ site: 'new.example.org' });
  });
});

describe('a hot entry', () => {
  test('is claimed once in the last tenth of its life, and is served meanwhile', async () => {
    const here = cache();
    await here.store('example.org', hosts(60_000));
    now += 53_000;
    await here.lookup('example.org');
    expect([here.isStale('example.org'), here.claimRefresh('example.org')]).toEqual([false, false]);
    now += 1_000;
    expect([here.isStale('example.org'), here.claimRefresh('example.org'), here.claimRefresh('example.org')]).toEqual([true, true, false]);
    expect(here.peek('example.org')).not.toBeNull();
    await here.store('example.org', hosts(60_000));
    expect(here.isStale('example.org')).toBe(false);
  });

  test('is as old in the process that read it as in the one that wrote it', async () => {
    const [writer, reader] = [cache(), cache()];
    await writer.store('example.org', hosts(60_000));
    now += 53_000;
    await reader.lookup('example.org');
    expect(reader.isStale('example.org')).toBe(false);
    now += 1_000;
    expect(reader.isStale('example.org')).toBe(true);
  });
});
