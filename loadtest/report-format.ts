// How figures and their origin stand in the generated page. Pure.
import type { Result } from './results.ts';
import type { Spread } from './statistics.ts';

export function show({ median, lowest, highest }: Spread): string {
  return Number.isFinite(median) ? `${figureText(median)} (${figureText(lowest)} to ${figureText(highest)})` : 'none';
}

export function withUnit(values: Spread, unit: string): string {
  if (!Number.isFinite(values.median)) return 'none';
  return `${figureText(values.median)}${unit} (${figureText(values.lowest)} to ${figureText(values.highest)})`;
}

export function figureText(value: number): string {
  return Math.abs(value) >= 100 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}

/** One line of a list: with what and where the runs were made; none without runs. */
export function provenanceOf(scenario: string, results: readonly Result[]): string[] {
  const last = results.at(-1);
  if (!last) return [];
  const { cores, processor, memoryGb, kernel, node, fileSystem, syncs4k, syncs100k, warmPage, coldPage } = last.machine;
  const versions = [...new Set(results.map(({ target, version }) => `${target} ${version}`))].join(', ');
  const disk = `${fileSystem}, fdatasync of 4 KB ${grouped(syncs4k)}/s, of 100 KB ${grouped(syncs100k)}/s`;
  const memory =
    coldPage === undefined ? '' : `, a page of memory touched in ${grouped(warmPage ?? 0)} ns and after three idle seconds in ${grouped(coldPage)}`;
  const machine = `${cores} cores (${processor}), ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, ${disk}${memory}`;
  return [`- ${scenario}: \`${last.command}\`, ${last.at.slice(0, 10)}, commit ${last.commit}, ${results.length} runs, ${versions}; ${machine}`];
}
