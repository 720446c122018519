import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { every, everyWhileBusy } from './every.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** When it was called, in milliseconds. */
function calls(period: number): number[] {
  const at: number[] = [];
  stops.push(every(period, () => at.push(performance.now())));
  return at;
}

test('works whose periods are multiples of each other meet, whenever they were begun', async () => {
  const often = calls(100);
  await sleep(30);
  const seldom = calls(200);
  await sleep(1_000);
  expect(seldom.length).toBeGreaterThanOrEqual(3);
  for (const at of seldom) expect(Math.min(...often.map((other) => Math.abs(other - at)))).toBeLessThan(5);
});

test('each period brings one call', async () => {
  const at = calls(50);
  await sleep(1_025);
  expect(at.length).toBeGreaterThanOrEqual(15);
  expect(at.length).toBeLessThanOrEqual(21);
});

test('what was stopped is not called again, even by what is due with it', async () => {
  const called: string[] = [];
  const stop = () => {
    stopFirst();
    stopSecond();
  };
  const stopFirst = every(50, () => {
    called.push('first');
    stop();
  });
  const stopSecond = every(50, () => {
    called.push('second');
    stop();
  });
  await sleep(200);
  expect(called).toEqual(['first']);
});

test('while there is nothing to do it is looked at seldom, and never twice at once', async () => {
  const looks: number[] = [];
  let at = 0;
  let most = 0;
  let found = true;
  stops.push(
    everyWhileBusy(50, 400, async () => {
      looks.push(performance.now());
      most = Math.max(most, ++at);
      await sleep(70);
      at--;
      return found;
    }),
  );
  await sleep(700);
  const busy = looks.length;
  expect(busy).toBeGreaterThanOrEqual(4);
  found = false;
  await sleep(200);
  const before = looks.length;
  await sleep(1_200);
  expect(looks.length - before).toBeGreaterThanOrEqual(1);
  expect(looks.length - before).toBeLessThanOrEqual(4);
  expect(most).toBe(1);
});
