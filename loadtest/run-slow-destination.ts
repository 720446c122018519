// The slow destination: how long a fast destination's mail takes, alone and among mail for tarpits. Destination 0 is the fast one.

import { account } from './accounting.ts';
import { type Bench, domainOf, type RunOptions, withBench } from './bench.ts';
import { startMeter } from './measure.ts';
import type { Figures } from './results.ts';
import type { ScenarioOf } from './scenario.ts';
import { warmUp } from './warm-up.ts';

/** The fast set's time in seconds, with or without the slow set; the slow messages are spread evenly among the fast ones. */
export function runSlowDestination(scenario: ScenarioOf<'slow-destination'>, options: RunOptions, withSlow: boolean): Promise<Figures> {
  const { slow, traffic, warmup } = scenario;
  const slowMessages = withSlow ? slow.messages : 0;
  const all = { ...traffic, messages: traffic.messages + slowMessages };
  const slowBefore = (number: number) => Math.floor((number * slowMessages) / all.messages);
  const isSlow = (number: number) => slowBefore(number + 1) > slowBefore(number);
  const domain = (number: number) => domainOf(isSlow(number) ? 1 + (slowBefore(number) % slow.destinations) : 0);

  return withBench(scenario, options, { destinations: slow.destinations + 1, tarpitDelay: slow.reply_delay * 1000 }, async (bench) => {
    const { sink, target } = bench;
    await warmUp(bench, { traffic, warmup: Math.max(1, warmup) }, () => domainOf(0));
    for (let index = 1; index <= slow.destinations; index++) await sink.setMode('tarpit', index);
    const meter = startMeter(() => target.roots(), target.mark);
    const source = bench.send(all, domain);
    await fastSet(bench, traffic.messages, options);
    await bench.within(source.done, () => `${source.acknowledgements.acknowledged} accepted`);
    const cpu = meter.cpu();
    const { peakPss } = meter.stop();
    const arrivals = sink.arrivals();
    const fast = Array.from(arrivals.firstAt).filter((_, number) => !isSlow(number));
    const slowest = fast.reduce((last, time) => Math.max(last, time), 0);
    const { duplicated } = account(source.acknowledgements, arrivals);
    return {
      fastSeconds: (slowest - source.acknowledgements.startedAt) / 1000,
      tarpitConnections: openTarpits(bench, slow.destinations),
      duplicated,
      cpuSeconds: cpu,
      peakPssMb: peakPss / 1024 ** 2,
    };
  });
}

/** Waits until the fast destination has its whole set. */
async function fastSet({ sink, target, within }: Bench, messages: number, options: RunOptions): Promise<void> {
  const arrived = () => sink.arrivals().byDestination[0] ?? 0;
  const timer = setInterval(() => options.show(`slow destination, ${target.name}: ${arrived()} of ${messages} fast ones delivered`), 250);
  try {
    await within(
      sink.until((now) => (now.byDestination[0] ?? 0) >= messages),
      () => `${arrived()} of ${messages} fast ones delivered`,
    );
  } finally {
    clearInterval(timer);
  }
}

function openTarpits({ sink }: Bench, destinations: number): number {
  let open = 0;
  for (let index = 1; index <= destinations; index++) open += sink.connections(index);
  return open;
}
