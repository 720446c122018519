// The mail that is sent before anything is measured: a relay that has just started is not the one that its users have.
import type { Bench } from './bench.ts';
import { startMeter, untilQuiet } from './measure.ts';
import type { ScenarioOf } from './scenario.ts';

/**
 * Sent again when the target is quiet, right before what is measured: some tenths of a second. A virtual machine may take the memory that is not
 * touched for a second from under a process (`coldPage` in machine.ts); the first tenths of a second after a pause would measure that.
 */
const AGAIN = 500;

/**
 * Messages of another run in the same shape, waited for; as fast as they can, for a rate's warm-up measures nothing. The target is quiet then, and
 * without a rate it is woken once more.
 */
export async function warmUp(
  bench: Bench,
  { warmup, traffic }: Pick<ScenarioOf<'throughput' | 'slow-destination'>, 'warmup' | 'traffic'>,
  domain: (number: number) => string,
): Promise<void> {
  if (warmup === 0) return;
  const { rate, ...shape } = traffic;
  const send = (messages: number) => bench.complete(bench.send({ ...shape, messages }, domain), { ...shape, messages });
  const meter = startMeter(() => bench.target.roots(), bench.target.mark);
  await send(warmup);
  await untilQuiet(meter);
  meter.stop();
  if (rate === undefined) await send(Math.min(AGAIN, warmup));
}
