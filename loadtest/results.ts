// Results: one JSON line per run in results/<scenario>.jsonl, with all that is needed to judge or repeat it.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MachineFacts } from './machine.ts';

/** What a run found; which figures there are depends on the scenario's kind. Rates per second, times in the unit that the name says. */
export type Figures = Readonly<Record<string, number>>;

export interface Result {
  readonly at: string;
  /** All runs of one command share it. */
  readonly series: string;
  readonly commit: string;
  readonly command: string;
  readonly machine: MachineFacts;
  readonly scenario: string;
  readonly target: string;
  readonly version: string;
  /** Which half of a pair that compares one target with itself. */
  readonly variant?: string;
  readonly split?: number;
  /** From 1; the runs of one pair were made one right after the other. */
  readonly pair: number;
  readonly figures: Figures;
}

/** What all runs of one command share. */
export type Series = Pick<Result, 'series' | 'commit' | 'command' | 'machine'>;

/** One run of a series; of a target that is not ours, whatever split was asked for. */
export interface Run extends Pick<Result, 'scenario' | 'target' | 'version' | 'pair' | 'figures'> {
  readonly variant: string | undefined;
  readonly split: number | undefined;
}

const FOLDER = fileURLToPath(new URL('results/', import.meta.url));

/** What is proved or measured apart from the load test's scenarios, and kept as a result like theirs. */
export type Proof = 'crashes' | 'no-duplicates' | 'split-shares' | 'tell-to-receive';

/** A series that begins now. */
export function newSeries({ command, machine }: Pick<Series, 'command' | 'machine'>): Series {
  return { series: new Date().toISOString(), commit: currentCommit(), command, machine };
}

/** The result of a run that has just ended; with `record` it is appended to its scenario's file. */
export function keepResult(series: Series, run: Run, record: boolean, folder = FOLDER): Result {
  const { scenario, target, version, variant, split, pair, figures } = run;
  const ours = target === 'stafette' ? split : undefined;
  const result = {
    at: new Date().toISOString(),
    ...series,
    scenario,
    target,
    version,
    ...(variant && { variant }),
    ...(ours && { split: ours }),
    pair,
    figures,
  };
  if (record) appendFileSync(`${folder}/${scenario}.jsonl`, `${JSON.stringify(result)}\n`);
  return result;
}

/** All results of a scenario, oldest first; none when it was never run. */
export function readResults(scenario: string, folder = FOLDER): Result[] {
  const file = `${folder}/${scenario}.jsonl`;
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Result);
}

/** The version of Stafette that is measured. */
export function ownVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

/** The commit that is measured, with a plus when files of the product differ from it. */
function currentCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'services', 'shared', 'package.json', 'package-lock.json');
  return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : '+'}`;
}
