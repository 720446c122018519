// A running pop3 for tests: every kind of listener on loopback, the directory of one domain, the real mail store.
import { scryptSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AccessLimits, type Config, type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { Directory } from '#shared/directory/directory.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { type LineDialogue, type LineDialogueOptions, openLineDialogue } from '#shared/session/testing/line-dialogue.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { RunningService } from '../../host.ts';
import type { Pop3Host } from '../pop3.ts';
import { startPop3 } from '../service.ts';

export const PASSWORD = 'correct horse ';
export const ALICE = 'alice@example.org';
/** The SASL message of PLAIN for alice. */
export const PLAIN = Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString('base64');

/** `plain` takes passwords without TLS from loopback, `strict` over TLS only, `implicit` is TLS from the first byte. */
export type Port = 'plain' | 'strict' | 'implicit';
const LISTENERS: NonNullable<ConfigInput['pop3']>['listeners'] = [{ port: 0, clear_passwords: true }, { port: 0 }, { port: 0, tls: 'implicit' }];
const PORTS: readonly Port[] = ['plain', 'strict', 'implicit'];

export interface Pop3Options {
  readonly limits?: Partial<AccessLimits>;
  readonly idleTimeout?: number;
  /** What stands between pop3 and the store: to make it fail. */
  readonly around?: (store: Mailstore) => Mailstore;
  readonly directory?: Partial<Directory>;
  readonly listeners?: NonNullable<ConfigInput['pop3']>['listeners'];
}

export interface Pop3UnderTest extends AsyncDisposable {
  readonly service: RunningService;
  readonly store: Mailstore;
  readonly dataDir: string;
  readonly metrics: Metrics;
  /** Every log line so far. */
  readonly lines: readonly string[];
  port(name: Port): number;
  /** Connects and reads the greeting. */
  dial(name?: Port, options?: Partial<LineDialogueOptions>): Promise<LineDialogue>;
  /** Dials `plain` and logs in. */
  logIn(user?: string): Promise<LineDialogue>;
  /** Files messages for an account, each with its own header `Return-Path: <>`, and says the octets of that header. */
  deliver(account: string, ...messages: readonly (string | Buffer)[]): Promise<void>;
  /** A second process's service on the same store. */
  another(): Promise<Pop3UnderTest>;
  reload(): void;
}

/** The header field that every delivered message begins with: 18 octets. */
export const OWN_HEADER = 'Return-Path: <>\r\n';

/** Starts it; throws as the service does. */
export async function startPop3UnderTest(options: Pop3Options = {}): Promise<Pop3UnderTest> {
  const directory = await tempDir('pop3');
  const { cert, key } = await selfSigned();
  await mkdir(join(directory.path, 'tls'));
  await writeFile(join(directory.path, 'tls', 'certificate.pem'), cert);
  await writeFile(join(directory.path, 'tls', 'key.pem'), key);
  return await startPop3On(directory.path, options, () => directory.remove());
}

/** Starts it on a data directory with a certificate; `close` is called at its end. */
export async function startPop3On(dataDir: string, options: Pop3Options = {}, close: () => Promise<void> = async () => {}): Promise<Pop3UnderTest> {
  const store = await openMailstore({ dataDir, clock: systemClock });
  const closeAll = async () => {
    await store.close();
    await close();
  };
  return await startOn(store, dataDir, options, closeAll).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
}

async function startOn(store: Mailstore, dataDir: string, options: Pop3Options, close: () => Promise<void>): Promise<Pop3UnderTest> {
  const config = configFor(dataDir, options);
  const lines: string[] = [];
  const listeners = new Set<(config: Config) => void>();
  const metrics = createMetrics();
  const host: Pop3Host = {
    config: () => config,
    onReload(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    log: createLogger('debug', { write: (line: string) => void lines.push(line) }),
    metrics,
    clock: systemClock,
    directory: { ...createDirectory(() => config), ...options.directory },
    mailstore: options.around?.(store) ?? store,
  };
  const service = await startPop3(host);
  const port = (name: Port) => service.listeners?.[PORTS.indexOf(name)]?.port ?? 0;
  const dial = async (name: Port = 'plain', dialogue: Partial<LineDialogueOptions> = {}) => {
    const client = await openLineDialogue({ port: port(name), ...(name === 'implicit' ? { tls: {} } : {}), ...dialogue });
    await client.expect('+OK pop.example.org Stafette POP3 ready');
    return client;
  };
  let queued = 0;
  return {
    service,
    store,
    dataDir,
    metrics,
    lines,
    port,
    dial,
    async logIn(user = ALICE) {
      const client = await dial();
      await client.transcript(`C: USER ${user}\nS: +OK *`);
      await client.command(`PASS ${PASSWORD}`, '+OK *');
      return client;
    },
    async deliver(account, ...messages) {
      await store.ensureAccount(account);
      for (const message of messages) {
        const content = Buffer.from(message);
        const queueId = `Q${++queued}-${process.hrtime.bigint()}`;
        await store.deliver(content, content.length, [{ queueId, recipient: 0, account, mailbox: 'INBOX', ownHeader: OWN_HEADER, receivedAt: Date.now() }]);
      }
    },
    another: () => startOn(store, dataDir, options, async () => {}),
    reload() {
      for (const listener of listeners) listener(config);
    },
    async [Symbol.asyncDispose]() {
      await service.drain(AbortSignal.abort());
      await close();
    },
  };
}

function configFor(dataDir: string, { limits = {}, idleTimeout = 600_000, listeners = LISTENERS }: Pop3Options): Config {
  const password_hash = cheapHash(PASSWORD);
  return schema.parse({
    hostname: 'pop.example.org',
    data_dir: dataDir,
    domains: { 'example.org': {} },
    accounts: [ALICE, 'bob@example.org'].map((address) => ({ address, password_hash })),
    pop3: { listeners, limits: { auth_failure_delay: 1, ...limits }, idle_timeout: idleTimeout },
  });
}

/** What `hashPassword` makes, at the lowest cost: these tests log in often. */
function cheapHash(password: string): string {
  const salt = Buffer.alloc(16, 1);
  return `$scrypt$2$1$1$${salt.toString('base64url')}$${scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 }).toString('base64url')}`;
}
