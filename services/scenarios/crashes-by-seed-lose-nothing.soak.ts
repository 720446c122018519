// Two processes of each role, 50 busy sessions, and crashes chosen by seed: kills and stops longer than a lease. The soak run has twenty.
import { describe, expect, test } from 'vitest';
import { judgeCrashes } from './testing/judge-crashes.ts';

describe.each([{ seed: 20_261 }])('seed $seed', ({ seed }) => {
  test('three crashes lose nothing', { timeout: 150_000 }, async () => {
    const verdict = await judgeCrashes({ seed, crashes: 3 });
    expect(verdict).toMatchObject({ lost: 0, refused: 0 });
    expect(verdict.duplicated).toBeLessThanOrEqual(verdict.possiblySent + verdict.inDoubt);
  });
});
