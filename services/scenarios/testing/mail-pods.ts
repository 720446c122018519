// The mail end system as pods: a process for each imap, pop3 and local-mailbox, one for the rest of the way in, over one Redis and one mail store.
// Owns all of them and what they share; whatever was killed can be started again on its port. What can fail: a start.
import { scryptSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ConfigInput } from '#shared/config/schema.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type PostgresServer, startPostgres } from '#shared/testing/postgres.ts';
import { type Child, outputOf, startChild } from '#shared/testing/process.ts';
import { type RedisServer, startRedis } from '#shared/testing/redis.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { Stay } from './loop-probe.ts';
import { stafette } from './stafette.ts';

export const PASSWORD = 'correct horse';

/** A process; `port` is that of its listener, if it has one. */
export interface Pod {
  readonly roles: string;
  readonly port: number;
  readonly home: string;
  readonly pid: number;
  /** Starts it, if it does not run; resolves when it is ready. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Its metrics as text. */
  metrics(): Promise<string>;
  /** Times that its event loop did not turn, since the last call. */
  stays(): Promise<readonly Stay[]>;
}

export interface MailPods extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer | null;
  /** Ingress, router, bounce. */
  readonly front: Pod;
  readonly imap: readonly Pod[];
  readonly pop3: readonly Pod[];
  readonly delivery: readonly Pod[];
  /** Index and content agree: `stafette mailbox check --digests` says what it has checked. Rejects with the problems. */
  check(): Promise<string>;
}

export interface MailPodsOptions {
  readonly database: 'sqlite' | 'postgres';
  readonly accounts: readonly string[];
  /** Processes of each role. */
  readonly copies: number;
  readonly config?: ConfigInput;
}

const PROBE = fileURLToPath(new URL('./loop-probe.ts', import.meta.url));
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
/** Milliseconds: several processes start at once, and other tests run beside. */
const START = 60_000;
const FRONT = 'smtp-ingress,router,resolver,remote-delivery,bounce';

export async function startMailPods({ database, accounts, copies, config = {} }: MailPodsOptions): Promise<MailPods> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await tempDir('pods'));
  const redis = stack.use(await startRedis());
  const postgres = database === 'postgres' ? stack.use(await startPostgres()) : null;
  const shared: ConfigInput = {
    ...{ hostname: 'stafette.test', data_dir: join(directory.path, 'data'), redis: { url: redis.url }, queue: { min_free: '1MB' } },
    ...{ domains: { 'example.org': {} }, accounts: accounts.map((address) => ({ address, password_hash: cheapHash() })) },
    ...(postgres && { mailstore: { database: postgres.url } }),
    ...config,
  };
  const make = async (roles: string, index: number) => stack.use(await preparePod(join(directory.path, `${roles.slice(0, 13)}-${index}`), roles, shared));
  const several = (roles: string) => Promise.all(Array.from({ length: copies }, (_, index) => make(roles, index)));
  const front = await make(FRONT, 0);
  const [imap, pop3, delivery] = [await several('imap'), await several('pop3'), await several('local-mailbox')];
  await Promise.all([front, ...imap, ...pop3, ...delivery].map((pod) => pod.start()));
  const owned = stack.move();
  return {
    ...{ redis, postgres, front, imap, pop3, delivery },
    async check() {
      const { out, err, status } = await stafette(front, ['mailbox', 'check', '--digests']);
      if (status !== 0) throw new Error(`mailbox check: ${out}${err}`);
      return out;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function preparePod(home: string, roles: string, shared: ConfigInput): Promise<Pod & AsyncDisposable> {
  await mkdir(home);
  const [port, health] = [await freePort(), await freePort()];
  const limits = { connections_per_client: 1000, auth_failure_delay: 1 };
  const doors: ConfigInput = {
    ingress: { listeners: roles === FRONT ? [{ port }] : [], trusted_networks: ['127.0.0.0/8'] },
    imap: { listeners: roles === 'imap' ? [{ port, clear_passwords: true }] : [], limits },
    pop3: { listeners: roles === 'pop3' ? [{ port, clear_passwords: true }] : [], limits },
  };
  await writeFile(join(home, 'config.yaml'), stringify({ ...shared, ...doors, health: { port: health }, log: { file: join(home, 'log') } }));
  const page = (path: string) => fetch(`http://127.0.0.1:${health}${path}`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
  const ready = async () => {
    const answer = await page('/readyz');
    if (answer.status !== 200) throw new Error(await answer.text());
    return true;
  };
  const probe = join(home, 'loop');
  await writeFile(probe, '');
  let child: Child | undefined;
  const kill = async () => child?.end();
  return {
    ...{ roles, port, home, kill },
    get pid() {
      return child?.pid ?? 0;
    },
    async start() {
      if (child?.running()) return;
      const words = ['--max-semi-space-size=8', '--heap-growing-percent=300', '--import', PROBE, MAIN, '--config', join(home, 'config.yaml'), '--role', roles];
      const started = await startChild('/usr/bin/env', [`LOOP_PROBE=${probe}`, process.execPath, ...words], home);
      child = started;
      await eventually(async () => !started.running() || (await ready()), { within: START, every: 25 });
      if (!started.running()) throw new Error(await outputOf(home));
    },
    metrics: async () => (await page('/metrics')).text(),
    async stays() {
      const lines = (await readFile(probe, 'utf8')).split('\n').filter(Boolean);
      await writeFile(probe, '');
      return lines.map((line) => JSON.parse(line) as Stay);
    },
    [Symbol.asyncDispose]: kill,
  };
}

/** What `hashPassword` makes, at the lowest cost: these tests authenticate often. */
export function cheapHash(): string {
  const salt = Buffer.alloc(16, 1);
  return `$scrypt$2$1$1$${salt.toString('base64url')}$${scryptSync(PASSWORD, salt, 32, { N: 2, r: 1, p: 1 }).toString('base64url')}`;
}
