// Debian's Postfix as a target: a private instance with its own configuration, queue and log in the run's directory. Needs the
// package `postfix` (installed, not running) and root, for Postfix changes to its own user. Fails with what to type otherwise.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#shared/testing/free-port.ts';
import { endProcess, greets, startProcess, untilReady } from './child.ts';
import type { Destinations, Target, TargetOptions } from './target.ts';

const MASTER = '/usr/lib/postfix/sbin/master';
/** Seconds after which the master ends by itself, should nobody be left to end it: it forgets the signal at its parent's death. */
const LONGEST_RUN = 1800;

/** Starts Postfix in the foreground and waits for its greeting. `settings.postfix` holds further lines of main.cf. */
export async function startPostfix({ directory, destinations, settings }: TargetOptions): Promise<Target> {
  if (!existsSync(MASTER)) throw new Error('Postfix is missing: apt-get install postfix (and do not start it)');
  if (process.getuid?.() !== 0) throw new Error('Postfix changes to its own user: run this as root');
  const port = await freePort();
  const configuration = writeConfiguration(directory, port, destinations, settings?.['postfix']);
  const mark = `postfix-${process.pid}-${port}`;
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  // `postfix check` makes the queue's directories with the owners and modes that the daemons insist on.
  execFileSync('/usr/sbin/postfix', ['-c', configuration, 'check'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  const master = startProcess(MASTER, ['-c', configuration, '-d', '-e', `${LONGEST_RUN}`], join(directory, 'output'), environment, mark);
  await untilReady(master, mark, () => greets(port));
  return {
    name: 'postfix',
    version: execFileSync('/usr/sbin/postconf', ['-c', configuration, '-h', 'mail_version'], { encoding: 'utf8' }).trim(),
    port,
    roots: () => [master.pid],
    stop: () => endProcess(master, mark),
  };
}

function writeConfiguration(directory: string, port: number, { addresses, port: sinkPort }: Destinations, extra: unknown): string {
  const configuration = join(directory, 'etc');
  for (const name of ['etc', 'queue', 'data', 'log']) mkdirSync(join(directory, name), { recursive: true });
  chmodSync(directory, 0o755);
  execFileSync('chown', ['postfix', join(directory, 'data')]);
  const single = addresses.length === 1;
  const transports = addresses.map((address, index) => `d${index}.load.example smtp:[${address}]:${sinkPort}\n`).join('');
  if (!single) writeFileSync(join(configuration, 'transport'), transports);
  const values: Record<string, string> = {
    directory,
    port: `${port}`,
    relayhost: single ? `[${addresses[0]}]:${sinkPort}` : '',
    transport_maps: single ? '' : `texthash:${configuration}/transport`,
    process_limit: `${Math.max(200, addresses.length + 200)}`,
    extra: typeof extra === 'string' ? extra : '',
  };
  for (const name of ['main.cf', 'master.cf']) fillIn(new URL(`postfix/${name}`, import.meta.url), values, join(configuration, name));
  return configuration;
}

/** Writes a configuration from its template, with the values of a run for its {{ }}. */
export function fillIn(template: URL, values: Readonly<Record<string, string>>, file: string): void {
  writeFileSync(
    file,
    readFileSync(template, 'utf8').replace(/\{\{(\w+)\}\}/g, (_, key: string) => values[key] ?? ''),
  );
}
