// What a proof found, kept beside the results of the load test when it is asked for: `STAFETTE_RECORD=1 npm run soak -- FILE`, then
// `npm run loadtest -- report`. What can fail: a temporary directory in memory, where every fsync would be free.
import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { machineFacts } from '../../../loadtest/machine.ts';
import { type Figures, keepResult, newSeries, ownVersion, type Proof } from '../../../loadtest/results.ts';

/** Commit and machine as they are before the proof runs. */
const series = process.env['STAFETTE_RECORD'] ? newSeries({ command: '', machine: machineFacts(tmpdir()) }) : undefined;

/** Call it before the judgement: what fails is recorded too. Of what was found only numbers are kept. `variant` tells runs of one proof apart. */
export function recordProof(proof: Proof, found: object, variant?: string, split?: number): void {
  if (!series) return;
  const figures: Figures = Object.fromEntries(Object.entries(found).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  const run = { scenario: proof, target: 'stafette', version: ownVersion(), variant, split, pair: 1, figures };
  keepResult({ ...series, command: commandOf() }, run, true);
}

function commandOf(): string {
  const file = relative(fileURLToPath(new URL('../../../', import.meta.url)), expect.getState().testPath ?? '');
  const command = file.endsWith('.soak.ts') ? 'npm run soak' : 'npm test';
  const seed = process.env['STAFETTE_SEED'];
  return `${seed === undefined ? '' : `STAFETTE_SEED=${seed} `}STAFETTE_RECORD=1 ${command} -- ${file}`;
}
