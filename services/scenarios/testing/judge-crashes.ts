// A load of 50 sessions on two processes of each role, with crashes chosen by seed, and its judgement.
import { startProduct } from '#shared/testing/product.ts';
import { crash, planCrashes } from './crashes.ts';
import { judge, prepareLoad, type Verdict, watchReports } from './load.ts';

const COPIES = 2;

/** Runs them one after the other, printing each; resolves when all mail has arrived. */
export async function judgeCrashes({
  seed,
  crashes,
  rate = 200,
}: {
  readonly seed: number;
  readonly crashes: number;
  readonly rate?: number;
}): Promise<Verdict> {
  await using load = await prepareLoad({ messages: 1_000_000, rate });
  await using product = await startProduct({ config: load.routes, split: COPIES });
  using reports = watchReports(product);
  const source = load.send(product);
  for (const each of planCrashes(seed, crashes, COPIES)) {
    console.log(`${source.acknowledgements.acknowledged} acknowledged; next: ${each.kind} ${each.part} ${each.nth} after ${each.after} ms`);
    await crash(product, each);
  }
  await product.ready();
  source.stop();
  return await judge(product, load, source, reports, 120_000);
}
