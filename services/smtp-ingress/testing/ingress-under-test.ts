// A running smtp-ingress for tests: every kind of listener on loopback, a directory of one domain, the real spool on a real Redis.
import { scryptSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { startMonitor } from '#shared/spool/monitor.ts';
import { isQueueId, type QueueId } from '#shared/spool/queue-id.ts';
import type { MessageHead } from '#shared/spool/record.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import type { RedisServer } from '#shared/testing/redis.ts';
import { type Dialogue, type DialogueOptions, openDialogue } from '#shared/testing/smtp-dialogue.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { startWorld, type World } from '#shared/testing/world.ts';
import type { RunningService } from '../../host.ts';
import type { IngressHost } from '../ingress.ts';
import { startSmtpIngress } from '../service.ts';

export const PASSWORD = 'correct horse';
/** Who speaks AUTH PLAIN as alice. */
export const PLAIN = Buffer.from(`\0alice@example.org\0${PASSWORD}`).toString('base64');
export type Port = 'relay' | 'trusted' | 'submission' | 'submissions' | 'proxied';

export const PORTS: readonly Port[] = ['relay', 'trusted', 'submission', 'submissions', 'proxied'];
const LISTENERS: NonNullable<ConfigInput['ingress']>['listeners'] = [
  { port: 0, trusted_networks: [] },
  { port: 0, trusted_networks: ['127.0.0.0/8'] },
  { port: 0, kind: 'submission' },
  { port: 0, kind: 'submission', tls: 'implicit' },
  { port: 0, proxy_protocol: true, proxy_from: ['127.0.0.0/8'], trusted_networks: ['192.0.2.0/24'] },
];

export interface StoredMessage {
  readonly id: QueueId;
  readonly head: MessageHead;
  /** One character for each octet. */
  readonly content: string;
}

export interface IngressUnderTest extends AsyncDisposable {
  readonly world: World;
  readonly service: RunningService;
  port(name: Port): number;
  /** Connects and reads the greeting; `proxied` has none before its PROXY line. */
  dial(name?: Port, options?: Partial<DialogueOptions>): Promise<Dialogue>;
  /** The message that a reply `250 2.0.0 Ok: queued as ID` names, as the spool has it. */
  message(reply: { readonly lines: readonly string[] }): Promise<StoredMessage>;
  /** Messages accepted so far. */
  accepted(): Promise<number>;
  config(): Config;
  reload(changed: ConfigInput): void;
  /** One look of the monitor that admission asks. */
  look(): Promise<void>;
}

/** Starts it; throws as the service does. */
export async function startIngress(changed: ConfigInput = {}, redis?: RedisServer): Promise<IngressUnderTest> {
  const directory = await tempDir('ingress');
  await writeCertificate(directory.path);
  const world = await startWorld({ config: inputFor(directory.path, changed), ...(redis ? { redis } : {}) });
  let config = world.config;
  const listeners = new Set<(config: Config) => void>();
  const { system, cold, clock, metrics, log, spool } = world;
  const monitor = await startMonitor({ system, cold, clock, metrics, config: () => config });
  const onReload = (listener: (config: Config) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const host: IngressHost = { config: () => config, onReload, log, metrics, clock, spool, admission: monitor, directory: createDirectory(() => config) };
  const close = async () => {
    monitor.stop();
    await world.close();
    await directory.remove();
  };
  const service = await startSmtpIngress(host).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    world,
    service,
    port: (name) => portOf(service, name),
    dial: (name = 'relay', options = {}) => dial(portOf(service, name), name, options),
    message: (reply) => storedMessage(world, reply),
    accepted: async () => (await metrics.ingressMessages.get()).values.reduce((sum, { value }) => sum + value, 0),
    config: () => config,
    reload(input) {
      config = schema.parse({ ...inputFor(directory.path, input), redis: { url: world.redis.url } });
      for (const listener of listeners) listener(config);
    },
    look: () => monitor.look(),
    async [Symbol.asyncDispose]() {
      await service.drain(AbortSignal.abort());
      await close();
    },
  };
}

export async function writeCertificate(dataDir: string, names?: readonly string[]): Promise<string> {
  const { cert, key } = await selfSigned(names ? { names } : {});
  await mkdir(join(dataDir, 'tls'), { recursive: true });
  await writeFile(join(dataDir, 'tls', 'certificate.pem'), cert);
  await writeFile(join(dataDir, 'tls', 'key.pem'), key);
  return cert;
}

function inputFor(dataDir: string, changed: ConfigInput): ConfigInput {
  return {
    hostname: 'mx.example.org',
    data_dir: dataDir,
    domains: { 'example.org': { aliases: { info: 'alice@example.org' } } },
    accounts: [{ address: 'alice@example.org', password_hash: cheapHash(PASSWORD) }],
    ...changed,
    redis: { commit_patience: '300ms', ...changed.redis },
    ingress: { listeners: LISTENERS, ...changed.ingress, limits: { auth_failure_delay: 1, ...changed.ingress?.limits } },
  };
}

/** What `hashPassword` makes, at the lowest cost: these tests authenticate often. */
function cheapHash(password: string): string {
  const salt = Buffer.alloc(16, 1);
  return `$scrypt$2$1$1$${salt.toString('base64url')}$${scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 }).toString('base64url')}`;
}

function portOf(service: RunningService, name: Port): number {
  return service.listeners?.[PORTS.indexOf(name)]?.port ?? 0;
}

async function dial(port: number, name: Port, options: Partial<DialogueOptions>): Promise<Dialogue> {
  const dialogue = await openDialogue({ port, ...(name === 'submissions' ? { tls: {} } : {}), ...options });
  if (name !== 'proxied') await dialogue.expect('220 mx.example.org ESMTP Stafette');
  return dialogue;
}

async function storedMessage({ spool }: World, reply: { readonly lines: readonly string[] }): Promise<StoredMessage> {
  const id = /queued as (\S+)$/.exec(reply.lines[0] ?? '')?.[1] ?? '';
  const view = isQueueId(id) ? await spool.read({ id, recipients: [] }, { role: 'router' }) : null;
  if (!view) throw new Error(`not queued: ${reply.lines.join(' ')}`);
  const parts: Buffer[] = [];
  const content = await spool.content(view);
  if (Buffer.isBuffer(content)) parts.push(content);
  else for await (const part of content) parts.push(part as Buffer);
  return { id: view.id, head: view.head, content: Buffer.concat(parts).toString('latin1') };
}
