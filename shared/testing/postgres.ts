// A real PostgreSQL server for a test, private to it: its own data directory and port. Owns both, and removes them when closed.
// PostgreSQL refuses to run as root, so root runs it as nobody. What can fail: the start, with the server's own words.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Child, findProgram, outputOf, startChild } from './process.ts';
import { tempDir } from './temp-dir.ts';

const run = promisify(execFile);
const DEBIAN_BINARIES = '/usr/lib/postgresql';
/** Debian's nobody and nogroup. */
const NOBODY = 65_534;
const READY_WITHIN = 20_000;

export type PostgresServer = AsyncDisposable & {
  /** `postgres://…` of an empty database. */
  readonly url: string;
  readonly directory: string;
  readonly pid: number;
  /** Makes another empty database and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** Starts it again with the same data and port. */
  start(): Promise<void>;
  /** Ends it at once, without a checkpoint, as a crash does; the data stay. */
  crash(): Promise<void>;
  /** Ends it and removes its data; the same as disposal. */
  close(): Promise<void>;
};

/** Starts a server. Installs Debian's package first when there is none and we are root (see `ensurePostgres`). */
export async function startPostgres(): Promise<PostgresServer> {
  const binaries = await ensurePostgres();
  const home = await tempDir('postgres');
  const port = await freePort();
  const data = join(home.path, 'data');
  if (isRoot()) await chown(home.path, NOBODY, NOBODY);
  let child: Child | undefined;

  const address = (database: string): string => `postgres://stafette@127.0.0.1:${port}/${database}`;
  const start = async (): Promise<void> => {
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${home.path}`, 'max_connections=60'];
    const [program = '', ...args] = unprivileged([join(binaries, 'postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])]);
    child = await startChild(program, args, home.path);
    await ready(child, home.path, address('postgres'));
  };
  const crash = async (): Promise<void> => void (await child?.end('SIGQUIT'));
  const close = async (): Promise<void> => {
    await crash();
    await home.remove();
  };

  try {
    const [program = '', ...args] = unprivileged([
      join(binaries, 'initdb'),
      '-D',
      data,
      '-U',
      'stafette',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ]);
    await run(program, args, { cwd: home.path });
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: address('postgres'),
    directory: home.path,
    get pid() {
      return child?.pid ?? 0;
    },
    async createDatabase(name) {
      await withClient(address('postgres'), (client) => client.query(`create database "${name.replaceAll('"', '""')}"`));
      return address(name);
    },
    start,
    crash,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * The folder with PostgreSQL's programs, for the test set-up: where there is none, root installs Debian's package (and no
 * service is started), anybody else gets an error with the command to type.
 */
export async function ensurePostgres(): Promise<string> {
  const found = findPostgres();
  if (found) return found;
  const command = 'apt-get install -y --no-install-recommends postgresql';
  if (!isRoot()) throw new Error(`PostgreSQL is missing; on Debian: ${command}`);
  // Runlevel 1 keeps invoke-rc.d from starting the package's own server.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', command.split(' ').slice(1), { env });
  const installed = findPostgres();
  if (!installed) throw new Error(`no PostgreSQL in ${DEBIAN_BINARIES} after ${command}`);
  return installed;
}

function findPostgres(): string | undefined {
  const versions = existsSync(DEBIAN_BINARIES) ? readdirSync(DEBIAN_BINARIES).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(DEBIAN_BINARIES, version, 'bin'));
  const onPath = findProgram('initdb');
  if (onPath) folders.push(join(onPath, '..'));
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** As nobody when we are root. A change of user clears the death signal, so it is set again. */
function unprivileged(command: readonly string[]): readonly string[] {
  if (!isRoot()) return command;
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--pdeathsig', 'KILL', ...command];
}

async function ready(child: Child, directory: string, url: string): Promise<void> {
  const served = eventually(async () => !child.running() || (await withClient(url, async () => true)), { within: READY_WITHIN, every: 20 });
  await served.catch(() => child.end());
  if (!child.running()) throw new Error(`postgres did not start:\n${await outputOf(directory)}`);
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {}); // the same error rejects the call below
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
