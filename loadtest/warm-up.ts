// The mail that is sent before anything is measured: a relay that has just started is not the one that its users have.
import type { Bench } from './bench.ts';
import { startMeter, untilQuiet } from './measure.ts';
import type { ScenarioOf } from './scenario.ts';

/** Messages of another run in the same shape, waited for; as fast as they can, for a rate's warm-up measures nothing. The target is quiet then. */
export async function warmUp(
  bench: Bench,
  { warmup, traffic }: Pick<ScenarioOf<'throughput' | 'slow-destination'>, 'warmup' | 'traffic'>,
  domain: (number: number) => string,
): Promise<void> {
  if (warmup === 0) return;
  const { rate: _, ...shape } = traffic;
  const warm = { ...shape, messages: warmup };
  const meter = startMeter(() => bench.target.roots(), bench.target.mark);
  await bench.complete(bench.send(warm, domain), warm);
  await untilQuiet(meter);
  meter.stop();
}
