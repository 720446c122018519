// Every role's only process is killed in turn, each with work in hand, while 50 sessions send; the supervisor starts it again. So is Redis.
import { describe, test } from 'vitest';
import { PARTS } from './testing/crashes.ts';
import { expectNothingLost, judgeCrashes } from './testing/judge-crashes.ts';
import { KINDS_OF_REDIS } from './testing/kinds-of-redis.ts';

describe.each(KINDS_OF_REDIS)('$kind', (redis) => {
  test('each role killed under load loses nothing', { timeout: 180_000 }, async () => {
    const crashes = PARTS.map((part) => ({ part, nth: 0, kind: 'kill' as const, after: 0 }));
    expectNothingLost(await judgeCrashes({ redis, copies: 1, crashes }));
  });
});
