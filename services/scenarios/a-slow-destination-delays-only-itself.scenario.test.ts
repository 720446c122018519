// Tarpits hold their connections for half a minute a reply. All mail for the fast destination arrives while each of them still holds its own.
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { prepareLoad } from './testing/load.ts';
import { domainOf, manySites } from './testing/many-sites.ts';

const FAST = 1_000;

describe.each([
  { tarpits: 1, slow: 200 },
  { tarpits: 200, slow: 400 },
])('$tarpits tarpits', ({ tarpits, slow }) => {
  test('a slow destination delays only itself', { timeout: 90_000 }, async () => {
    const every = (FAST + slow) / slow;
    const isSlow = (number: number) => Math.floor((number + 1) / every) > Math.floor(number / every);
    const domain = (number: number) => domainOf(isSlow(number) ? 1 + (Math.floor(number / every) % tarpits) : 0);
    await using load = await prepareLoad({ messages: FAST + slow, destinations: tarpits + 1, tarpitDelay: 30_000, domain });
    await using sites = await manySites(load.sink);
    for (let index = 1; index <= tarpits; index++) await load.sink.setMode('tarpit', index);
    await using product = await startProduct({ config: sites.config });
    load.send(product);
    const slowOnes = Array.from({ length: FAST + slow }, (_, number) => number).filter(isSlow).length;
    const fast = () => load.sink.arrivals().byDestination[0] ?? 0;
    await eventually(() => fast() === FAST + slow - slowOnes, { within: 25_000, every: 25 });
    expect(load.sink.arrivals().distinct).toBe(fast());
    const holds = () => Array.from({ length: tarpits }, (_, index) => load.sink.connections(index + 1)).every((open) => open > 0);
    await eventually(holds, { within: 10_000 });
  });
});
