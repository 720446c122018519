import { expect, test } from 'vitest';
import { readScenario, scenarioNames } from './scenario.ts';

test('every scenario is valid, and S1 to S4 are those that the peers were measured with', () => {
  for (const name of scenarioNames()) expect(readScenario(name).name).toBe(name);
  expect(['s1', 's2', 's3', 's4'].map((name) => readScenario(name))).toMatchObject([
    { traffic: { messages: 10_000, size: 4096, sessions: 50, recipients: 1 } },
    { traffic: { messages: 10_000, size: 4096, sessions: 50, messages_per_connection: 1 } },
    { traffic: { messages: 2000, size: 102_400, sessions: 20 } },
    { traffic: { messages: 2000, size: 4096, recipients: 10 } },
  ]);
});

test('an unknown scenario is told with those there are', () => {
  expect(() => readScenario('s9')).toThrow(/no scenario s9; there are .*s1/);
});
