// The product as a test starts it: services/main.ts with a configuration of its own on free ports and a temporary data directory.
// It owns every process of it, Redis included; what a kill ends is started again, as an operator or Kubernetes would. What can fail: the start.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ConfigInput } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type Child, outputOf, startChild } from './process.ts';
import { startOptions } from './start-options.ts';
import { tempDir } from './temp-dir.ts';

export type ProductOptions = {
  /** Laid over the defaults of a test, key by key at the top. */
  readonly config?: ConfigInput;
  /** Processes of each role; without it all-in-one. */
  readonly split?: number;
  /** Just these roles, in one process. */
  readonly roles?: readonly Role[];
  /** services/main.ts of another version. */
  readonly main?: string;
  /** Parent of data_dir, for a test that brings its own file system. */
  readonly parent?: string;
  /** Program and arguments that stand before Node's path: a tracer. */
  readonly under?: readonly string[];
};

/** A process of the product: a role, or `redis` for the embedded one, or `main` for the first, which supervises the others. */
export type Part = 'main' | 'redis' | 'smtp-ingress' | 'router' | 'resolver' | 'remote-delivery' | 'local-mailbox' | 'bounce';

export type Product = AsyncDisposable & {
  readonly smtp: number;
  readonly health: number;
  /** Holds config.yaml, log, output.log and data. */
  readonly home: string;
  readonly dataDir: string;
  /** Starts it with the same data, if it does not run; resolves when it is ready. */
  start(): Promise<void>;
  /** Processes that play this part now, in the order of their start. */
  pids(part: Part): readonly number[];
  /** SIGKILL to one process of the part (`nth`, from 0); the first process is started again by us. */
  kill(part: Part, nth?: number): Promise<void>;
  /** SIGKILL to every process, Redis included, at once; nothing is started again. */
  killEverything(): Promise<void>;
  /** SIGSTOP and SIGCONT. The pid is the answer of the first: the process may be another when it goes on. */
  stopProcess(part: Part, nth?: number): number;
  contProcess(pid: number): void;
  /** SIGTERM; resolves with the exit status when every process has ended. */
  stop(): Promise<number | null>;
  /** Changes the configuration file, laid over as before. It is read again at once if the product runs. */
  reconfigure(config: ConfigInput): Promise<void>;
  /** Status and body of /readyz. */
  readyz(): Promise<{ readonly status: number; readonly body: string }>;
  /** Resolves when /readyz says 200. */
  ready(): Promise<void>;
  /** The sum of a metric over its labels, or of those series whose labels contain the text given. */
  metric(name: string, labels?: string): Promise<number>;
  metrics(): Promise<string>;
  /** Every line of the log so far, of all processes. */
  log(): readonly Record<string, unknown>[];
};

const MAIN = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const PATIENCE = { within: 45_000, every: 25 };

/** Starts it and waits until it is ready. Rejects with what it printed when it ends instead. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const product = await prepareProduct(options);
  try {
    await product.start();
    return product;
  } catch (error) {
    await product[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same, not started. */
export async function prepareProduct(options: ProductOptions = {}): Promise<Product> {
  const home = await tempDir('p', options.parent);
  const [smtp, health, admin] = [await freePort(), await freePort(), await freePort()];
  const dataDir = join(home.path, 'data');
  const file = join(home.path, 'config.yaml');
  const base: ConfigInput = {
    hostname: 'stafette.test',
    data_dir: dataDir,
    redis: { maxmemory: '256MB' },
    ingress: { listeners: [{ address: '127.0.0.1', port: smtp }], trusted_networks: ['127.0.0.0/8'] },
    imap: { listeners: [] },
    pop3: { listeners: [] },
    queue: { min_free: '1MB' },
    health: { port: health },
    admin: { port: admin },
    log: { file: join(home.path, 'log') },
    drain_timeout: '5s',
  };
  // Without an account there must be a postmaster.
  const nobody: ConfigInput = { postmaster: 'postmaster@elsewhere.test' };
  const reconfigure = (config: ConfigInput) => writeFile(file, stringify({ ...base, ...(config.accounts ? {} : nobody), ...config }));
  await reconfigure(options.config ?? {});
  const places = { smtp, health, home: home.path, dataDir, file };
  return new Running(options, places, reconfigure, home.remove) as Product;
}

type Places = Pick<Product, 'smtp' | 'health' | 'home' | 'dataDir'> & { readonly file: string };

class Running implements Product {
  readonly smtp: number;
  readonly health: number;
  readonly home: string;
  readonly dataDir: string;
  readonly reconfigure: Product['reconfigure'];
  readonly #options: ProductOptions;
  readonly #file: string;
  readonly #remove: () => Promise<void>;
  #main: Child | undefined;

  constructor(options: ProductOptions, { smtp, health, home, dataDir, file }: Places, reconfigure: Product['reconfigure'], remove: () => Promise<void>) {
    this.smtp = smtp;
    this.health = health;
    this.home = home;
    this.dataDir = dataDir;
    this.reconfigure = reconfigure;
    this.#options = options;
    this.#file = file;
    this.#remove = remove;
  }

  async start(): Promise<void> {
    if (this.#main?.running()) return;
    const { split, roles, under = [], main: program = MAIN } = this.#options;
    const played = roles !== undefined ? [`--role=${roles.join(',')}`] : split !== undefined ? [`--split=${split}`] : [];
    const words = [...under, process.execPath, ...startOptions(), program, '--config', this.#file, ...played];
    const main = await startChild(words[0] as string, words.slice(1), this.home);
    this.#main = main;
    await eventually(async () => !main.running() || (await this.readyz()).status === 200, PATIENCE);
    if (!main.running()) throw new Error(await outputOf(this.home));
  }

  pids(part: Part): readonly number[] {
    const main = this.#main?.running() ? this.#main.pid : undefined;
    if (part === 'redis') return this.#redis();
    if (main === undefined) return [];
    if (part === 'main') return [main];
    const children = descendants(main).filter((pid) => wordsOf(pid).includes('--supervised'));
    const players = children.filter((pid) => wordsOf(pid).includes(part));
    return players.length > 0 || this.#options.split !== undefined ? players : [main];
  }

  async kill(part: Part, nth = 0): Promise<void> {
    const pid = this.#pid(part, nth);
    if (pid !== this.#main?.pid) return signal(pid, 'SIGKILL');
    await this.#main.end();
    await this.start();
  }

  async killEverything(): Promise<void> {
    const all = this.#everything();
    for (const pid of all) signal(pid, 'SIGKILL');
    await this.#main?.end(); // its end is known to us only by its event
    await gone(all);
  }

  stopProcess(part: Part, nth = 0): number {
    const pid = this.#pid(part, nth);
    signal(pid, 'SIGSTOP');
    return pid;
  }

  contProcess(pid: number): void {
    signal(pid, 'SIGCONT');
  }

  async stop(): Promise<number | null> {
    const all = this.#everything();
    await this.#main?.end('SIGTERM');
    await gone(all);
    return (await this.#main?.ended)?.code ?? null;
  }

  async readyz(): Promise<{ readonly status: number; readonly body: string }> {
    const response = await this.#page('/readyz');
    return { status: response.status, body: await response.text() };
  }

  async ready(): Promise<void> {
    await eventually(async () => (await this.readyz()).status === 200, PATIENCE);
  }

  async metrics(): Promise<string> {
    return (await this.#page('/metrics')).text();
  }

  async metric(name: string, labels = ''): Promise<number> {
    const series = new RegExp(`^stafette_${name}(\\{[^}]*\\})? ([0-9.e+-]+)$`, 'gm');
    const found = [...(await this.metrics()).matchAll(series)].filter(([, with_ = '']) => with_.includes(labels));
    return found.reduce((sum, [, , value]) => sum + Number(value), 0);
  }

  log(): readonly Record<string, unknown>[] {
    return readLog(join(this.home, 'log'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killEverything();
    await this.#remove();
  }

  /** A connection for each: none is left open when the process is killed. */
  #page(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.health}${path}`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
  }

  #pid(part: Part, nth: number): number {
    const pid = this.pids(part)[nth];
    if (pid === undefined) throw new Error(`no process ${nth} plays ${part}`);
    return pid;
  }

  #everything(): readonly number[] {
    const main = this.#main?.running() ? [this.#main.pid, ...descendants(this.#main.pid)] : [];
    return [...new Set([...main, ...this.#orphans(), ...this.#redis()])];
  }

  /** Supervised processes that outlive a killed main while they drain: those that still have our home as their folder. */
  #orphans(): readonly number[] {
    return processes().filter((pid) => folderOf(pid) === this.home);
  }

  /** The embedded Redis; its pid file may be older than its last end. */
  #redis(): readonly number[] {
    const folder = join(this.dataDir, 'redis');
    const pid = Number(readOrEmpty(join(folder, 'redis.pid')));
    return pid > 0 && alive(pid) && folderOf(pid) === folder ? [pid] : [];
  }
}

function readLog(file: string): readonly Record<string, unknown>[] {
  // A process that is killed may leave half a line.
  const parse = (line: string) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  };
  return readOrEmpty(file).split('\n').filter(Boolean).flatMap(parse);
}

async function gone(pids: readonly number[]): Promise<void> {
  await eventually(() => !pids.some(alive), PATIENCE);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const processes = () => readdirSync('/proc').map(Number).filter(Number.isInteger);
const alive = (pid: number) => /^State:\s+[^ZX]/m.test(readOrEmpty(`/proc/${pid}/status`));
const wordsOf = (pid: number) =>
  readOrEmpty(`/proc/${pid}/cmdline`)
    .split('\0')
    .flatMap((word) => word.split(','));
const childrenOf = (pid: number) => readOrEmpty(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

function descendants(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process, or the file, is gone
  }
}
