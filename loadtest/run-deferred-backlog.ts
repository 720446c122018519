// The deferred backlog: a destination refuses connections while mail for it piles up, then accepts. Measures what a waiting message
// costs in Redis and how fast the backlog drains on the natural schedule, from the first successful delivery on.
import { setTimeout as wait } from 'node:timers/promises';
import { account } from './accounting.ts';
import { type Bench, domainOf, type RunOptions, withBench } from './bench.ts';
import { startMeter } from './measure.ts';
import type { Figures } from './results.ts';
import type { ScenarioOf } from './scenario.ts';

const POLL = 1000;
/** Memory counts as settled when it has stayed the same for this many polls: longer than metrics take to be refreshed. */
const STEADY_POLLS = 15;
/** The same: within 1 %, or so many bytes, for connections' buffers come and go. */
const NOISE = 256 * 1024;

export function runDeferredBacklog(scenario: ScenarioOf<'deferred-backlog'>, options: RunOptions): Promise<Figures> {
  const { traffic, warmup } = scenario;
  const domain = () => domainOf(0);
  return withBench(scenario, options, { destinations: 1 }, async (bench) => {
    const { sink, target, within } = bench;
    const warm = { ...traffic, messages: Math.max(1, warmup) };
    await bench.complete(bench.send(warm, domain), warm);
    const before = await steadyMemory(bench, options, 'before');
    await sink.setMode('refuse');
    const source = bench.send(traffic, domain);
    await within(source.done, () => `${source.acknowledgements.acknowledged} accepted while the destination refuses`);
    const after = await steadyMemory(bench, options, 'with the backlog');

    const meter = startMeter(() => target.roots(), target.mark);
    const opened = performance.now();
    await sink.setMode('accept');
    await bench.complete(source, traffic);
    const cpu = meter.cpu();
    const { peakPss } = meter.stop();
    const arrivals = sink.arrivals();
    const first = arrivals.firstAt.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
    const last = arrivals.firstAt.reduce((most, time) => Math.max(most, time), 0);
    const { lost, duplicated } = account(source.acknowledgements, arrivals);
    return {
      ...(before === undefined || after === undefined ? {} : { redisBytesPerMessage: (after - before) / traffic.messages }),
      secondsToProbe: (first - opened) / 1000,
      drainRate: ((traffic.messages - 1) * 1000) / (last - first),
      cpuPer1000: (cpu * 1000) / traffic.messages,
      peakPssMb: peakPss / 1024 ** 2,
      lost,
      duplicated,
    };
  });
}

/** Redis' used_memory once it has settled; undefined for a target without that metric (after the same patience). */
async function steadyMemory({ target, within }: Bench, options: RunOptions, when: string): Promise<number | undefined> {
  let steady = 0;
  let known: number | undefined;
  while (steady < STEADY_POLLS) {
    await within(wait(POLL), () => `Redis' memory ${when} does not settle`);
    const now = metricValue((await target.metrics?.()) ?? '', 'stafette_redis_used_memory_bytes');
    options.show(`deferred backlog, ${target.name}: memory ${when} ${now ?? 'not told'}`);
    const same = now === known || (now !== undefined && known !== undefined && Math.abs(now - known) <= Math.max(NOISE, 0.01 * known));
    steady = same ? steady + 1 : 0;
    if (!same) known = now;
  }
  return known;
}

/** The sum of a metric's samples in a Prometheus text page; undefined when there is none. */
export function metricValue(page: string, name: string): number | undefined {
  const samples = page.split('\n').filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)));
  if (samples.length === 0) return undefined;
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
