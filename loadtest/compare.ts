// Runs scenarios in interleaved pairs (A B A B): what drifts with the machine then drifts for both. Prints each run and, at the end,
// medians with their spread; records results as JSON lines when asked to.
import type { RunOptions } from './bench.ts';
import type { MachineFacts } from './machine.ts';
import type { Progress } from './progress.ts';
import { type Figures, keepResult, newSeries, type Result } from './results.ts';
import { runScenario, variantsOf } from './run.ts';
import { readScenario, type Scenario } from './scenario.ts';
import { spread } from './statistics.ts';

export interface SeriesOptions {
  readonly scenarios: readonly string[];
  readonly targets: readonly string[];
  readonly pairs: number;
  readonly split?: number;
  readonly warmup?: number;
  readonly directory: string;
  readonly record: boolean;
  /** As the user typed it, without the directory: results are published. */
  readonly command: string;
  readonly machine: MachineFacts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Runs everything and answers with all results. A run that fails is printed and ends the series. */
export async function runSeries(options: SeriesOptions): Promise<Result[]> {
  const scenarios = options.scenarios.map(readScenario).map((scenario) => withWarmup(scenario, options.warmup));
  const series = newSeries(options);
  const results: Result[] = [];
  for (const scenario of scenarios) {
    for (let pair = 1; pair <= options.pairs; pair++) {
      for (const [target, variant] of runsOfPair(scenario, options.targets)) {
        const { figures, version } = await runOnce(scenario, target, variant, options);
        const result = keepResult(series, { scenario: scenario.name, target, version, variant, split: options.split, pair, figures }, options.record);
        results.push(result);
        options.progress.print(`${scenario.name} ${pair}/${options.pairs} ${target}${variant ? ` ${variant}` : ''}: ${formatFigures(figures)}`);
      }
    }
  }
  return results;
}

/** Median, lowest and highest of each figure by scenario, target and variant: one line each. */
export function summarise(results: readonly Result[]): string[] {
  const groups = Map.groupBy(results, ({ scenario, target, variant }) => [scenario, target, variant].filter(Boolean).join(' '));
  return [...groups].flatMap(([group, members]) => {
    const names = Object.keys(members[0]?.figures ?? {});
    return [group, ...names.map((name) => `  ${name.padEnd(22)} ${formatSpread(members.map(({ figures }) => figures[name] ?? Number.NaN))}`)];
  });
}

function runsOfPair(scenario: Scenario, targets: readonly string[]): [string, string | undefined][] {
  return targets.flatMap((target) => variantsOf(scenario).map((variant): [string, string | undefined] => [target, variant]));
}

async function runOnce(scenario: Scenario, target: string, variant: string | undefined, options: SeriesOptions) {
  let version = '';
  const runOptions: RunOptions = {
    target,
    directory: options.directory,
    ...(options.split === undefined || target !== 'stafette' ? {} : { split: options.split }),
    show: options.progress.show,
    started: (running) => {
      version = running.version;
    },
    signal: options.signal,
  };
  const figures = await runScenario(scenario, runOptions, variant);
  return { figures, version };
}

function withWarmup(scenario: Scenario, warmup: number | undefined): Scenario {
  return warmup === undefined ? scenario : { ...scenario, warmup };
}

export function formatFigures(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${round(value)}`)
    .join(', ');
}

function formatSpread(values: readonly number[]): string {
  const { median, lowest, highest } = spread(values);
  return `${round(median)} (${round(lowest)} to ${round(highest)})`;
}

/** Three significant digits, whole numbers from 100 on. */
export function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
