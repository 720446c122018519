import { expect, test } from 'vitest';
import { turn } from './turns.ts';

const PIECE = 2;
const PIECES = 20;

function spin(): void {
  for (const end = performance.now() + PIECE; performance.now() < end; );
}

async function work(): Promise<number> {
  let turns = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    spin();
    const later = turn();
    if (!later) continue;
    turns++;
    await later;
  }
  return turns;
}

test('many who work at once let the loop turn as often as one of them, and all come to an end', async () => {
  let loops = 0;
  const counting = setInterval(() => loops++, 0);
  const turns = await Promise.all(Array.from({ length: 10 }, work));
  clearInterval(counting);
  expect(Math.min(...turns)).toBeGreaterThan(0);
  // 400 ms of work in all: with turns of 10 ms (and a piece) each there are some 30.
  expect(loops).toBeGreaterThan(20);
});

test('short work never waits', async () => {
  await new Promise(setImmediate);
  expect(turn()).toBeUndefined();
});
