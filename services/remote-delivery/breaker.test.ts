// The circuit, with the hours in the test's hand.
import { describe, expect, test } from 'vitest';
import type { Delayed } from '#shared/smtp/outcome.ts';
import { Breaker, readSnapshot } from './breaker.ts';

const REFUSED: Delayed = { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'refused', host: 'mx.example.net' };

function start(saved?: Parameters<typeof readSnapshot>[0]) {
  const time = { now: 1_000_000 };
  const clock = { now: () => time.now, monotonic: () => time.now };
  const breaker = new Breaker(
    clock,
    () => 0.5,
    () => [60_000, 120_000],
    readSnapshot(saved),
  );
  return { time, breaker };
}

describe('the circuit', () => {
  test('is closed at first: the whole window', () => {
    const { breaker } = start();
    expect([breaker.window(20), breaker.closedUntil(), breaker.snapshot()]).toEqual([20, null, null]);
  });

  test('opens at a failure of the site, once for all that fail together', () => {
    const { breaker } = start();
    expect(breaker.fail(REFUSED)).toBe(true);
    expect(breaker.fail(REFUSED)).toBe(false);
    expect([breaker.window(20), breaker.closedUntil()]).toEqual([0, 1_060_000]);
  });

  test('lets one probe through when its time has come', () => {
    const { breaker, time } = start();
    breaker.fail(REFUSED);
    time.now += 60_000;
    expect([breaker.window(20), breaker.closedUntil(), breaker.halfOpen]).toEqual([1, null, true]);
  });

  test('waits longer after each probe that fails, up to the last delay', () => {
    const { breaker, time } = start();
    const waits: number[] = [];
    for (let probe = 0; probe < 4; probe++) {
      breaker.fail(REFUSED);
      waits.push((breaker.closedUntil() ?? 0) - time.now);
      time.now = breaker.closedUntil() ?? 0;
    }
    expect(waits).toEqual([60_000, 120_000, 120_000, 120_000]);
  });

  test('closes at the first success and begins anew', () => {
    const { breaker, time } = start();
    breaker.fail(REFUSED);
    time.now += 60_000;
    expect([breaker.success(), breaker.success(), breaker.window(20)]).toEqual([true, false, 20]);
    breaker.fail(REFUSED);
    expect(breaker.closedUntil()).toBe(time.now + 60_000);
  });

  test('varies its delays by 20 % at most', () => {
    for (const [random, delay] of [
      [0, 48_000],
      [0.999_999, 72_000],
    ] as const) {
      const breaker = new Breaker(
        { now: () => 0, monotonic: () => 0 },
        () => random,
        () => [60_000],
      );
      breaker.fail(REFUSED);
      expect(breaker.closedUntil()).toBe(delay);
    }
  });

  test('goes on where an earlier activation stopped, with a probe', () => {
    const before = start();
    before.breaker.fail(REFUSED);
    before.breaker.fail(REFUSED);
    const { breaker, time } = start(JSON.parse(JSON.stringify(before.breaker.snapshot())));
    expect([breaker.halfOpen, breaker.failure?.diagnostic]).toEqual([true, 'refused']);
    breaker.fail(REFUSED);
    expect(breaker.closedUntil()).toBe(time.now + 120_000);
  });

  test.each([null, 1, 'x', {}, { level: -1, until: 0 }, { level: 1.5, until: 0 }, { level: '1', until: 2 }])(
    'takes what it cannot read (%j) for closed',
    (saved) => {
      expect(start(saved).breaker.window(5)).toBe(5);
    },
  );
});
