import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { AT_REST, every, everyWhileBusy, mailCame, untilInstant } from './every.ts';

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

test('what finds something to do goes on at its pace, and never twice at once', async () => {
  let calls = 0;
  let atOnce = 0;
  let most = 0;
  stops.push(
    everyWhileBusy(50, async () => {
      calls++;
      most = Math.max(most, ++atOnce);
      await sleep(70);
      atOnce--;
      return true;
    }),
  );
  await sleep(1_000);
  expect(calls).toBeGreaterThanOrEqual(5);
  expect(most).toBe(1);
});

test('what finds nothing to do rests, until mail comes', async () => {
  const at: number[] = [];
  stops.push(
    everyWhileBusy(50, async () => {
      at.push(performance.now());
      return false;
    }),
  );
  // An instant at which all are due may lie in between.
  await sleep(untilInstant(AT_REST) < 1_000 ? 1_100 : 0);
  await sleep(150);
  const rested = at.length;
  await sleep(400);
  expect(at.length).toBe(rested);
  mailCame();
  await sleep(150);
  expect(at.length).toBe(rested + 1);
});
