// From the cache or from the DNS: over a real Redis, with resolutions of the test's own.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createResolutionCache } from '#shared/directory/resolution-cache.ts';
import type { Resolution } from '#shared/protocol/resolution.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { createResolutions } from './resolutions.ts';

let server: RedisServer;
let redis: Redis;
let now: number;
const START = Date.now();
const clock = { now: () => now, monotonic: () => now };

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

const hosts = (site: string): Resolution => ({ kind: 'hosts', site, hosts: [], expiresAt: now + 100_000 });
const delayed = (): Resolution => ({ kind: 'delayed', status: '4.4.3', diagnostic: 'SERVFAIL', expiresAt: now + 30_000 });

function start() {
  const asked: string[] = [];
  const answers: (Resolution | Error)[] = [];
  const resolutions = createResolutionCache(redis, 'test', clock);
  const stopping = new AbortController();
  const resolutionOf = createResolutions(
    { resolutions, clock, metrics: createMetrics() },
    async (domain) => {
      asked.push(domain);
      const answer = answers.shift() ?? delayed();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    stopping.signal,
  );
  return { asked, answers, resolutionOf, stopping };
}

describe('the hosts of a domain', () => {
  test('are asked for once by all who need them, and kept for every process', async () => {
    const one = start();
    one.answers.push(hosts('a'));
    expect(await Promise.all([1, 2, 3].map(() => one.resolutionOf('example.org')))).toEqual([hosts('a'), hosts('a'), hosts('a')]);
    const other = start();
    expect(await other.resolutionOf('example.org')).toEqual(hosts('a'));
    expect([one.asked, other.asked]).toEqual([['example.org'], []]);
  });

  test('are asked for anew in the last tenth of their life', async () => {
    const { answers, asked, resolutionOf } = start();
    answers.push(hosts('a'));
    await resolutionOf('example.org');
    now += 91_000;
    answers.push(hosts('b'));
    expect(await resolutionOf('example.org')).toMatchObject({ site: 'b' });
    expect(asked).toHaveLength(2);
  });

  test('are those still known while the name servers fail, and no longer', async () => {
    const { answers, resolutionOf } = start();
    answers.push(hosts('a'));
    await resolutionOf('example.org');
    now += 91_000;
    expect(await resolutionOf('example.org')).toMatchObject({ site: 'a' });
    now += 10_000;
    expect(await resolutionOf('example.org')).toMatchObject({ kind: 'delayed' });
  });

  test('said by a process that stops are not kept', async () => {
    const { resolutionOf, stopping } = start();
    stopping.abort();
    expect(await resolutionOf('example.org')).toMatchObject({ kind: 'delayed' });
    expect(await redis.dbsize()).toBe(0);
  });

  test('are asked for again after a throw', async () => {
    const { answers, resolutionOf } = start();
    answers.push(new Error('a bug'), hosts('a'));
    await expect(resolutionOf('example.org')).rejects.toThrow('a bug');
    expect(await resolutionOf('example.org')).toMatchObject({ site: 'a' });
  });
});
