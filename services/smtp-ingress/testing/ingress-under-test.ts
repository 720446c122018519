// A running smtp-ingress for tests: every kind of listener on loopback, a directory of two domains, and the messages it committed.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { hashPassword } from '#shared/directory/password.ts';
import { newQueueId, type QueueId } from '#shared/spool/queue-id.ts';
import type { Incoming, Spool } from '#shared/spool/spool.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { selfSigned } from '#shared/testing/certificate.ts';
import { type Dialogue, type DialogueOptions, openDialogue } from '#shared/testing/smtp-dialogue.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import type { Refusal } from '#shared/spool/admission.ts';
import type { Host, RunningService } from '../../host.ts';
import { startSmtpIngress } from '../service.ts';

export const PASSWORD = 'correct horse';
export type Port = 'relay' | 'trusted' | 'submission' | 'submissions' | 'proxied';

const hash = hashPassword(PASSWORD);
const LISTENERS = [
  { port: 0, trusted_networks: [] },
  { port: 0, trusted_networks: ['127.0.0.0/8'] },
  { port: 0, kind: 'submission' },
  { port: 0, kind: 'submission', tls: 'implicit' },
  { port: 0, proxy_protocol: true, trusted_networks: ['192.0.2.0/24'] },
] as const;
const PORTS: readonly Port[] = ['relay', 'trusted', 'submission', 'submissions', 'proxied'];

export interface IngressUnderTest extends AsyncDisposable {
  readonly host: Host;
  readonly service: RunningService;
  readonly logLines: Record<string, unknown>[];
  refusal: Refusal | null;
  commitError: Error | null;
  port(name: Port): number;
  /** Connects and reads the greeting. */
  dial(name?: Port, options?: Partial<DialogueOptions>): Promise<Dialogue>;
  /** The message that a reply `250 2.0.0 Ok: queued as ID` names. */
  message(reply: { readonly lines: readonly string[] }): Promise<{ readonly incoming: Incoming; readonly content: string }>;
  readonly accepted: number;
  reload(changed: ConfigInput): void;
}

export async function startIngress(changed: ConfigInput = {}): Promise<IngressUnderTest> {
  const dir = await tempDir('ingress');
  await mkdir(join(dir.path, 'tls'));
  const certificate = await selfSigned();
  await writeFile(join(dir.path, 'tls', 'certificate.pem'), certificate.cert);
  await writeFile(join(dir.path, 'tls', 'key.pem'), certificate.key);
  const passwordHash = await hash;
  const parse = (input: ConfigInput): Config =>
    schema.parse({
      hostname: 'mx.example.org',
      data_dir: dir.path,
      domains: { 'example.org': { aliases: { info: 'alice@example.org' } } },
      accounts: [{ address: 'alice@example.org', password_hash: passwordHash }],
      ...input,
      ingress: { listeners: LISTENERS, ...input.ingress, limits: { auth_failure_delay: 1, ...input.ingress?.limits } },
    });
  let config = parse(changed);
  const listenersOfReload = new Set<(config: Config) => void>();
  const messages = new Map<string, { incoming: Incoming; content: string }>();
  const logLines: Record<string, unknown>[] = [];
  const spool = {
    newId: (): QueueId => newQueueId(0, Date.now()),
    async commit(incoming: Incoming, content: Buffer | AsyncIterable<Buffer>) {
      const parts: Buffer[] = [];
      if (Buffer.isBuffer(content)) parts.push(content);
      else for await (const part of content) parts.push(part);
      if (world.commitError) throw world.commitError;
      const all = Buffer.concat(parts);
      messages.set(incoming.id, { incoming, content: all.toString('latin1') });
      return { size: all.length };
    },
  } as unknown as Spool;
  const host = {
    config: () => config,
    onReload: (listener: (config: Config) => void) => {
      listenersOfReload.add(listener);
      return () => listenersOfReload.delete(listener);
    },
    log: createLogger('debug', { write: (line: string) => void logLines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
    clock: systemClock,
    spool,
    admission: { refusal: () => world.refusal },
    directory: createDirectory(() => config),
  } as unknown as Host;
  const service = await startSmtpIngress(host).catch(async (error: unknown) => {
    await dir.remove();
    throw error;
  });
  const port = (name: Port) => service.listeners?.[PORTS.indexOf(name)]?.port ?? 0;
  const world: IngressUnderTest = {
    host,
    service,
    logLines,
    refusal: null,
    commitError: null,
    port,
    async dial(name = 'relay', options = {}) {
      const dialogue = await openDialogue({ port: port(name), ...(name === 'submissions' ? { tls: {} } : {}), ...options });
      if (name !== 'proxied') await dialogue.expect('220 mx.example.org ESMTP Stafette');
      return dialogue;
    },
    async message(reply) {
      const found = messages.get(/queued as (\S+)$/.exec(reply.lines[0] ?? '')?.[1] ?? '');
      if (!found) throw new Error(`not queued: ${reply.lines.join(' ')}`);
      return found;
    },
    get accepted() {
      return messages.size;
    },
    reload(input) {
      config = parse(input);
      for (const listener of listenersOfReload) listener(config);
    },
    async [Symbol.asyncDispose]() {
      await service.drain(AbortSignal.abort());
      await dir.remove();
    },
  };
  return world;
}
