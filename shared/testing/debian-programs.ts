// Programs of others that a test talks with, from Debian: where one is missing, root installs its package without starting any service. What
// can fail: the installation, with apt's own words; who is not root gets told what is missing.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from './process.ts';

const run = promisify(execFile);

/** Programs and their packages: `{ mbsync: 'isync' }`. Resolves with those that are still missing. */
export async function ensurePrograms(programs: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
  const absent = (): string[] => Object.keys(programs).filter((program) => !findProgram(program));
  const missing = absent();
  if (missing.length === 0 || process.getuid?.() !== 0 || !findProgram('apt-get')) return new Set(missing);
  const packages = [...new Set(missing.map((program) => programs[program] ?? program))];
  // Runlevel 1 keeps invoke-rc.d from starting what a package brings.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  await run('apt-get', install, { env }).catch(async () => {
    await run('apt-get', ['update'], { env });
    await run('apt-get', install, { env });
  });
  return new Set(absent());
}
