// Three processes of each role under a load of the load test, and each one's share of its role's messages, by what it says when it has drained.
import { startProduct } from '#shared/testing/product.ts';
import { readScenario } from '../../../loadtest/scenario.ts';
import { judge, prepareLoad, type Verdict, watchReports } from './load.ts';
import { domainOf, manySites } from './many-sites.ts';

export const PROCESSES = 3;

/** Each process's part of 1, by role, of roles that had something to do. */
export type Shares = Readonly<Record<string, readonly number[]>>;

interface Drained {
  readonly accepted: number;
  readonly processed: Readonly<Record<string, number>>;
}

/** Runs it from a fresh start, without a warm-up: how work is shared at first counts too. `messages` instead of the scenario's. */
export async function shareWork(name: 's1' | 's5', messages?: number): Promise<{ readonly sent: number; readonly verdict: Verdict; readonly shares: Shares }> {
  const scenario = readScenario(name);
  if (scenario.kind !== 'throughput') throw new Error(`${name} is no scenario of throughput`);
  const { traffic, destinations } = scenario;
  const sent = messages ?? traffic.messages;
  await using load = await prepareLoad({
    messages: sent,
    size: traffic.size,
    sessions: traffic.sessions,
    destinations,
    domain: (number) => domainOf(number % destinations),
  });
  await using sites = await manySites(load.sink);
  await using product = await startProduct({ config: destinations === 1 ? load.routes : sites.config, split: PROCESSES });
  using reports = watchReports(product);
  const verdict = await judge(product, load, load.send(product), reports);
  await product.stop();
  return { sent, verdict, shares: sharesOf(product.log().filter(({ msg }) => msg === 'drained') as unknown as readonly Drained[]) };
}

function sharesOf(drained: readonly Drained[]): Shares {
  const doors = drained.map(({ accepted }) => accepted).filter((count) => count > 0);
  const roles = new Set(drained.flatMap(({ processed }) => Object.keys(processed)));
  const counts = [...roles].map((role): [string, number[]] => [role, drained.flatMap(({ processed }) => processed[role] ?? [])]);
  return Object.fromEntries(
    [['smtp-ingress', doors] as const, ...counts].flatMap(([role, each]) => {
      const all = each.reduce((sum, count) => sum + count, 0);
      return all === 0 ? [] : [[role, each.map((count) => count / all)]];
    }),
  );
}
