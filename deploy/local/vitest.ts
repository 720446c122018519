// Runs Vitest over the whole tree, or the files named, and counts. What can fail: a machine without redis-server (see ensure-redis.sh).
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { skipsIn, type Tally, tallyOf, type VitestReport } from './tally.ts';
import { runTool } from './tool.ts';

export async function runVitest(root: string, mode: 'test' | 'soak', files: readonly string[]): Promise<Tally> {
  const reportFile = join(tmpdir(), 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const { code } = await runTool(root, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', `--mode=${mode}`, ...reporters, ...files], 'show');
  const skips = skipsIn(readFileSync(join(root, 'docs/skips.md'), 'utf8'));
  const { unexcused, ...tally } = tallyOf(readReport(reportFile), code, skips);
  for (const test of unexcused) console.log(`✗ skipped without an entry in docs/skips.md: ${test}`);
  return tally;
}

/** Brings what tests need of the machine. False without a Redis, for nearly every test needs it; a test that lacks another program says so. */
export async function bringPrograms(root: string): Promise<boolean> {
  const redis = await script(root, 'ensure-redis.sh');
  // Where the test kit finds it.
  process.env['PATH'] = `${process.env['PATH'] ?? ''}:${dirname(redis.output.trim())}`;
  await script(root, 'ensure-test-programs.sh');
  return redis.code === 0;
}

async function script(root: string, name: string): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn('sh', [join(root, 'deploy/local', name)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (status) => resolve(status ?? 1)));
  return { code, output };
}

function readReport(path: string): VitestReport {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return { testResults: [] }; // Vitest has said why; its exit code counts as one failure
  }
}
