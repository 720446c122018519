// One run of one scenario against one target. Each kind of scenario has its procedure; all answer with figures by name.
import { setTimeout as wait } from 'node:timers/promises';
import { account } from './accounting.ts';
import { domainOf, type RunOptions, withBench } from './bench.ts';
import { processesOf, proportionalSetSize, startMeter, untilQuiet } from './measure.ts';
import type { Figures } from './results.ts';
import { runDeferredBacklog } from './run-deferred-backlog.ts';
import { runSlowDestination } from './run-slow-destination.ts';
import type { Scenario, ScenarioOf } from './scenario.ts';
import type { Sink } from './sink.ts';
import type { Source } from './source.ts';
import { latencies, percentile } from './statistics.ts';
import { warmUp } from './warm-up.ts';

/** The variants of a scenario that are compared with each other; most have one. */
export function variantsOf(scenario: Scenario): readonly (string | undefined)[] {
  return scenario.kind === 'slow-destination' ? ['alone', 'with-slow'] : [undefined];
}

/** Runs a scenario once, from a fresh start of the target to its end. */
export function runScenario(scenario: Scenario, options: RunOptions, variant?: string): Promise<Figures> {
  switch (scenario.kind) {
    case 'throughput':
      return runThroughput(scenario, options);
    case 'slow-destination':
      return runSlowDestination(scenario, options, variant === 'with-slow');
    case 'deferred-backlog':
      return runDeferredBacklog(scenario, options);
    case 'idle':
      return runIdle(scenario, options);
  }
}

function runThroughput(scenario: ScenarioOf<'throughput'>, options: RunOptions): Promise<Figures> {
  const domain = (number: number) => domainOf(number % scenario.destinations);
  return withBench(scenario, options, { destinations: scenario.destinations }, async (bench) => {
    await warmUp(bench, scenario, domain);
    const { target, sink } = bench;
    const meter = startMeter(() => target.roots(), target.mark);
    const source = bench.send(scenario.traffic, domain);
    await bench.complete(source, scenario.traffic);
    await untilQuiet(meter);
    const cpu = meter.cpu();
    const shares = { ...cpuShares(meter.cpuByName(), scenario.traffic.messages), ...leastShares(meter.cpuByRole()) };
    const { peakPss, processes } = meter.stop();
    return { ...ratesOf(source, sink), cpuPer1000: (cpu * 1000) / scenario.traffic.messages, ...shares, peakPssMb: peakPss / 1024 ** 2, processes };
  });
}

/** CPU seconds per 1,000 messages by process name, of those that had a hundredth or more. */
function cpuShares(names: Readonly<Record<string, number>>, messages: number): Figures {
  const sum = Object.values(names).reduce((total, seconds) => total + seconds, 0);
  const telling = Object.entries(names).filter(([, seconds]) => seconds >= sum / 100);
  return Object.fromEntries(telling.map(([name, seconds]) => [`cpuPer1000 ${name}`, (seconds * 1000) / messages]));
}

/** Where a role has several processes: the least busy one's share of the role's CPU, in percent. Stands for its share of the messages. */
function leastShares(roles: ReadonlyMap<string, readonly number[]>): Figures {
  const several = [...roles].filter(([, seconds]) => seconds.length > 1);
  return Object.fromEntries(
    several.map(([role, seconds]) => [`leastCpuSharePercent ${role}`, (100 * Math.min(...seconds)) / seconds.reduce((sum, one) => sum + one, 0)]),
  );
}

/** Rates, latencies and the account of a complete run. */
export function ratesOf(source: Source, sink: Sink): Figures {
  const { acknowledgements: book } = source;
  const arrivals = sink.arrivals();
  const messages = book.acknowledgedAt.length;
  const toReply = latencies(book.dataAt, book.acknowledgedAt);
  const toSink = latencies(book.dataAt, arrivals.firstAt);
  const { lost, duplicated, resubmitted, reordered } = account(book, arrivals);
  const rate = (times: Float64Array) => (messages * 1000) / (times.reduce((last, time) => Math.max(last, time), 0) - book.startedAt);
  return {
    accepting: rate(book.acknowledgedAt),
    endToEnd: rate(arrivals.lastAt),
    to250p50: percentile(toReply, 0.5),
    to250p99: percentile(toReply, 0.99),
    toSinkP50: percentile(toSink, 0.5),
    toSinkP99: percentile(toSink, 0.99),
    lost,
    duplicated,
    resubmitted,
    reordered,
    failures: book.failures,
    refused: book.refused,
    late: book.late,
  };
}

function runIdle(scenario: ScenarioOf<'idle'>, options: RunOptions): Promise<Figures> {
  return withBench(scenario, options, { destinations: 1 }, async ({ target, within }) => {
    const pause = (seconds: number, what: string) => {
      options.show(`idle, ${target.name}: ${what} for ${seconds} s`);
      return within(wait(seconds * 1000), () => what);
    };
    await pause(scenario.settle, 'settling');
    const meter = startMeter(() => target.roots(), target.mark, 3_600_000);
    await pause(scenario.measure, 'measuring');
    const cpu = meter.cpu();
    meter.stop();
    const processes = processesOf(target.roots(), target.mark);
    return { cpuPercent: (cpu * 100) / scenario.measure, pssMb: proportionalSetSize(processes) / 1024 ** 2, processes: processes.length };
  });
}
