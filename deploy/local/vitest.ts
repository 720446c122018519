// Runs Vitest over the whole tree, or the files named, and counts. What can fail: a machine without redis-server or strace (see ensure-*.sh).
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { skipsIn, type Tally, tallyOf, type VitestReport } from './tally.ts';
import { runTool } from './tool.ts';

export async function runVitest(root: string, mode: 'test' | 'soak', files: readonly string[]): Promise<Tally> {
  bring(root, 'redis');
  bring(root, 'strace');
  const reportFile = join(tmpdir(), 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const { code } = await runTool(root, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', `--mode=${mode}`, ...reporters, ...files], 'show');
  const skips = skipsIn(readFileSync(join(root, 'docs/skips.md'), 'utf8'));
  const { unexcused, ...tally } = tallyOf(readReport(reportFile), code, skips);
  for (const test of unexcused) console.log(`✗ skipped without an entry in docs/skips.md: ${test}`);
  return tally;
}

/** Puts the folder of a program that tests need into PATH, where the test kit finds it. */
function bring(root: string, what: 'redis' | 'strace'): void {
  const { status, stdout } = spawnSync('sh', [join(root, `deploy/local/ensure-${what}.sh`)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  // Nearly every test needs Redis; without strace one fails and says so.
  if (status !== 0 && what === 'redis') process.exit(1);
  if (status !== 0) return;
  process.env['PATH'] = `${process.env['PATH'] ?? ''}:${dirname(stdout.trim())}`;
}

function readReport(path: string): VitestReport {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return { testResults: [] }; // Vitest has said why; its exit code counts as one failure
  }
}
