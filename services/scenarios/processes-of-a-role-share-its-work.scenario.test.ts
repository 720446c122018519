// Three processes of each role: over 30 destinations every one has at least 15 % of its role's messages, and one smarthost, whose mail is
// spread over four partitions, keeps all three deliverers busy.
import { describe, expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { judge, prepareLoad, watchReports } from './testing/load.ts';
import { domainOf, manySites } from './testing/many-sites.ts';

const MESSAGES = 4_000;

interface Drained {
  readonly accepted: number;
  readonly processed: Readonly<Record<string, number>>;
}

describe.each([
  { what: '30 destinations', destinations: 30, roles: ['router', 'remote-delivery'], share: 0.15 },
  { what: 'one smarthost', destinations: 1, roles: ['remote-delivery'], share: 0.05 },
])('$what', ({ destinations, roles, share }) => {
  test('three processes of a role share its work', { timeout: 120_000 }, async () => {
    await using load = await prepareLoad({ messages: MESSAGES, destinations, domain: (number) => domainOf(number % destinations) });
    await using sites = await manySites(load.sink);
    await using product = await startProduct({ config: destinations === 1 ? load.routes : sites.config, split: 3 });
    using reports = watchReports(product);
    expect(await judge(product, load, load.send(product), reports)).toMatchObject({ acknowledged: MESSAGES, lost: 0, duplicated: 0 });
    await product.stop();
    const drained = product.log().filter(({ msg }) => msg === 'drained') as unknown as readonly Drained[];
    const shares = (of: (each: Drained) => number | undefined) => {
      const counts = drained.map((each) => of(each)).filter((count) => count !== undefined);
      const all = counts.reduce((sum, count) => sum + count, 0);
      return counts.map((count) => count / all);
    };
    for (const role of roles) {
      const parts = shares(({ processed }) => processed[role]);
      console.log(role, parts.map((part) => part.toFixed(2)).join(' '));
      expect(parts, role).toHaveLength(3);
      expect(Math.min(...parts), role).toBeGreaterThanOrEqual(share);
    }
    const doors = shares(({ accepted }) => (accepted > 0 ? accepted : undefined));
    expect(doors).toHaveLength(3);
    if (destinations > 1) expect(Math.min(...doors)).toBeGreaterThanOrEqual(share);
  });
});
