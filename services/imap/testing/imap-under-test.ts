// A running imap for tests: every kind of listener on loopback, the directory of one domain, the real mail store on SQLite.
import { scryptSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnector } from '#shared/actor/redis.ts';
import { type AccessLimits, type Config, type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { Directory } from '#shared/directory/directory.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import type { LineDialogueOptions } from '#shared/session/testing/line-dialogue.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { RunningService } from '../../host.ts';
import type { ImapHost } from '../imap-server.ts';
import { startImap } from '../service.ts';
import { ImapClient } from './imap-client.ts';

export const PASSWORD = 'correct horse';
export const ALICE = 'alice@example.org';
export const BOB = 'bob@example.org';
/** The SASL message of PLAIN for alice. */
export const PLAIN = Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64');

/** `plain` takes passwords without TLS from loopback, `strict` over TLS only, `implicit` is TLS from the first byte. */
export type Port = 'plain' | 'strict' | 'implicit';
const LISTENERS: NonNullable<ConfigInput['imap']>['listeners'] = [{ port: 0, clear_passwords: true }, { port: 0 }, { port: 0, tls: 'implicit' }];
const PORTS: readonly Port[] = ['plain', 'strict', 'implicit'];

export interface ImapOptions {
  readonly limits?: Partial<AccessLimits>;
  readonly config?: ConfigInput;
  readonly idleTimeout?: number;
  readonly quota?: number;
  /** URL of the Redis that carries notifications between processes. */
  readonly redis?: string;
  /** What stands between imap and the store: to make it fail. */
  readonly around?: (store: Mailstore) => Mailstore;
  readonly directory?: Partial<Directory>;
}

export interface ImapUnderTest extends AsyncDisposable {
  readonly service: RunningService;
  readonly store: Mailstore;
  readonly metrics: Metrics;
  /** Every log line so far. */
  readonly lines: readonly string[];
  port(name: Port): number;
  /** Connects and reads the greeting. */
  dial(name?: Port, options?: Partial<LineDialogueOptions>): Promise<ImapClient>;
  /** Dials `plain` and logs in. */
  logIn(user?: string): Promise<ImapClient>;
  /** Files messages in a mailbox. */
  deliver(account: string, messages: readonly (string | Buffer)[], mailbox?: string): Promise<void>;
  /** Another process's service with a store of its own, on the same files. */
  another(): Promise<ImapUnderTest>;
}

/** Starts it; throws as the service does. */
export async function startImapUnderTest(options: ImapOptions = {}): Promise<ImapUnderTest> {
  const directory = await tempDir('imap');
  const { cert, key } = await selfSigned();
  await mkdir(join(directory.path, 'tls'));
  await writeFile(join(directory.path, 'tls', 'certificate.pem'), cert);
  await writeFile(join(directory.path, 'tls', 'key.pem'), key);
  return startOn(directory.path, options, () => directory.remove());
}

/** On a directory with a certificate, which `finish` gives back. */
async function startOn(dataDir: string, options: ImapOptions, finish: () => Promise<void>): Promise<ImapUnderTest> {
  const lines: string[] = [];
  const log = createLogger('debug', { write: (line: string) => void lines.push(line) });
  const config = configFor(dataDir, options);
  const redis =
    options.redis === undefined ? undefined : { connector: createConnector({ ...config.redis, url: options.redis }, undefined, log), prefix: 'test' };
  const store = await openMailstore({ dataDir, clock: systemClock, minFree: 0, quota: options.quota ?? 0, redis, log });
  const metrics = createMetrics();
  const host = hostFor(config, options, { log, store, metrics });
  const close = async () => {
    await store.close();
    await finish();
  };
  const service = await startImap(host).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const port = (name: Port) => service.listeners?.[PORTS.indexOf(name)]?.port ?? 0;
  const dial = (name: Port = 'plain', more: Partial<LineDialogueOptions> = {}) =>
    ImapClient.connect({ port: port(name), ...(name === 'implicit' ? { tls: {} } : {}), ...more });
  return {
    ...{ service, store, metrics, lines, port, dial },
    async logIn(user = ALICE) {
      const client = await dial();
      await client.ok(`LOGIN ${user} "${PASSWORD}"`);
      return client;
    },
    async deliver(account, messages, mailbox = 'INBOX') {
      await store.ensureAccount(account);
      await Promise.all(messages.map((message) => deliverOne(store, account, mailbox, Buffer.from(message))));
    },
    another: () => startOn(dataDir, options, async () => {}),
    async [Symbol.asyncDispose]() {
      await service.drain(AbortSignal.abort());
      await close();
    },
  };
}

let queued = 0;
async function deliverOne(store: Mailstore, account: string, mailbox: string, content: Buffer): Promise<void> {
  const delivery = { queueId: `Q${++queued}`, recipient: 0, account, mailbox, ownHeader: 'Return-Path: <>\r\n', receivedAt: Date.UTC(2026, 10, 22, 10) };
  await store.deliver(content, content.length, [delivery]);
}

function hostFor(config: Config, options: ImapOptions, made: Pick<ImapHost, 'log' | 'metrics'> & { readonly store: Mailstore }): ImapHost {
  return {
    config: () => config,
    onReload: () => () => {},
    log: made.log,
    metrics: made.metrics,
    clock: systemClock,
    directory: { ...createDirectory(() => config), ...options.directory },
    mailstore: options.around?.(made.store) ?? made.store,
  };
}

function configFor(dataDir: string, { limits = {}, idleTimeout = 1_800_000, config = {} }: ImapOptions): Config {
  const password_hash = cheapHash(PASSWORD);
  return schema.parse({
    hostname: 'imap.example.org',
    data_dir: dataDir,
    domains: { 'example.org': {} },
    accounts: [ALICE, BOB].map((address) => ({ address, password_hash })),
    imap: { listeners: LISTENERS, idle_timeout: idleTimeout, limits: { auth_failure_delay: 1, ...limits } },
    ...config,
  });
}

/** What `hashPassword` makes, at the lowest cost: these tests authenticate often. */
function cheapHash(password: string): string {
  const salt = Buffer.alloc(16, 1);
  return `$scrypt$2$1$1$${salt.toString('base64url')}$${scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 }).toString('base64url')}`;
}
