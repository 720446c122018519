// The runtime on a replicated Redis watched by Sentinel: the same promises, each commit acknowledged by a replica.
import { afterAll, beforeAll } from 'vitest';
import { type SentinelGroup, startSentinel } from '#shared/testing/redis-sentinel.ts';
import { runtimeSuite } from './runtime.suite.ts';

let group: SentinelGroup;
let number = 0;
beforeAll(async () => {
  group = await startSentinel();
}, 30_000);
afterAll(() => group.close());

runtimeSuite('Sentinel', () => ({ ...group.settings, prefix: `t${number++}` }));
