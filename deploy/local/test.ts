// npm test: every check and every test, then one line `N passed, N failed`; the exit code says the same. `--checks-only` leaves the tests out,
// `--soak` runs the long ones alone, a path or more runs the test files there alone. It owns a temporary directory for all of them.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checks } from '../checks/checks.ts';
import { sourceTree } from '../checks/source-tree.ts';
import { addTallies, type Tally } from './tally.ts';
import { runTool } from './tool.ts';
import { bringPrograms, runVitest } from './vitest.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const TOOLS: Readonly<Record<string, readonly string[]>> = {
  types: ['node_modules/typescript/bin/tsc', '-p', '.'],
  'format and lint': ['node_modules/@biomejs/biome/bin/biome', 'ci', '--max-diagnostics=100', '.'],
  'promises and exhaustive switches': ['node_modules/oxlint/bin/oxlint'],
};

async function runTools(): Promise<readonly Tally[]> {
  const tallies: Tally[] = [];
  for (const [name, [script = '', ...args]] of Object.entries(TOOLS)) {
    const { code, output } = await runTool(ROOT, [join(ROOT, script), ...args]);
    tallies.push(judge(name, code === 0 ? [] : [output.trimEnd()]));
  }
  return tallies;
}

function runChecks(): readonly Tally[] {
  const tree = sourceTree(ROOT);
  return Object.entries(checks).map(([name, check]) => {
    const { findings, notes = [] } = check(tree);
    return judge(name, findings, notes);
  });
}

function judge(name: string, findings: readonly string[], notes: readonly string[] = []): Tally {
  console.log(`${findings.length === 0 ? '✓' : '✗'} ${name}`);
  for (const line of findings) console.log(line.replaceAll(/^/gm, '    '));
  for (const line of notes) console.log(`    (note) ${line}`);
  return findings.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function withTemporaryDirectory<T>(work: () => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'stafette-'));
  chmodSync(path, 0o711); // a PostgreSQL of the tests runs as nobody
  process.env['TMPDIR'] = path;
  process.env['NODE_COMPILE_CACHE'] ??= join(path, 'compiled'); // hundreds of processes load the same files
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'checks-only': { type: 'boolean' }, soak: { type: 'boolean' } } });
  const only = values.soak === true || positionals.length > 0;
  const checksOnly = values['checks-only'] === true;
  const programs = checksOnly ? Promise.resolve(false) : bringPrograms(ROOT); // while the checks run
  const tallies = only ? [] : [...(await runTools()), ...runChecks()];
  if (!checksOnly) {
    const mode = values.soak === true ? 'soak' : 'test';
    tallies.push((await programs) ? await withTemporaryDirectory(() => runVitest(ROOT, mode, positionals)) : { passed: 0, failed: 1 });
  }
  const { passed, failed } = addTallies(tallies);
  if (failed > 0) process.exitCode = 1;
  console.log(`${passed} passed, ${failed} failed`);
}

await main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
  console.log('0 passed, 1 failed');
});
