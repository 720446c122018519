// The runtime on one Redis.
import { afterAll, beforeAll } from 'vitest';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { runtimeSuite } from './runtime.suite.ts';

let server: RedisServer;
let number = 0;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

runtimeSuite('standalone', () => ({ url: server.url, prefix: `t${number++}` }));
