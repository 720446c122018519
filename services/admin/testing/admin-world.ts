// An admin role on a real Redis, spool and trace database, with what its tests share. It owns all of it.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { ConfigInput } from '#shared/config/schema.ts';
import { destinationKey } from '#shared/protocol/destination.ts';
import { startMonitor } from '#shared/spool/monitor.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Incoming, NewRecipient, TraceEvent } from '#shared/spool/spool.ts';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import type { Host } from '../../host.ts';
import { startAdmin } from '../service.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what came, whatever it is
  readonly json: any;
}

export interface AdminWorld extends AsyncDisposable {
  readonly world: World;
  readonly url: string;
  readonly dataDir: string;
  readonly token: string;
  /** One request with the admin token and the right Host, unless the headers say otherwise. */
  ask(method: string, path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  send(given?: Parameters<typeof incoming>[1], content?: Buffer): Promise<QueueId>;
  /** Routes a message to a site of its domain, as the router would; `due` milliseconds from now. */
  route(id: QueueId, recipients: readonly Partial<NewRecipient>[], events?: readonly TraceEvent[]): Promise<void>;
  reload(config: Partial<World['config']['admin']>): void;
}

export const CONTENT = Buffer.from('Subject: hello\r\n\r\nThe body.\r\n');
export const SITE = destinationKey({ transport: 'dns', site: 'mx.example.net' }, 0);

export async function startAdminWorld(input: ConfigInput = {}): Promise<AdminWorld> {
  await using stack = new AsyncDisposableStack();
  const directory: TempDir = stack.use(await tempDir('admin'));
  const world = stack.use(await startWorld({ config: { hostname: 'mx.example.org', ...input, data_dir: directory.path, admin: { port: 0, ...input.admin } } }));
  const { clock, log, metrics, spool, system, cold } = world;
  const parts = { clock, log, metrics, spool, system, cold };
  const admission = stack.adopt(await startMonitor({ ...parts, config: () => world.config }), (monitor) => monitor.stop());
  let config = world.config;
  let told: ((changed: typeof config) => void) | undefined;
  const onReload: Host['onReload'] = (listener) => {
    told = listener;
    return () => undefined;
  };
  const unused = {} as never;
  const host: Host = {
    clock,
    log,
    metrics,
    spool,
    config: () => config,
    onReload,
    actors: system,
    admission,
    directory: unused,
    resolutions: unused,
    mailstore: unused,
  };
  const service = stack.adopt(await startAdmin(host), (running) => running.drain(AbortSignal.timeout(5_000)));
  const port = service.listeners?.[0]?.port ?? 0;
  const url = `http://127.0.0.1:${port}`;
  const token = readFileSync(join(directory.path, 'admin-token'), 'utf8').trim();
  const owned = stack.move();
  return {
    ...{ world, url, token, dataDir: directory.path },
    ask: (method, path, headers = {}) => ask(url, method, path, { authorization: `Bearer ${token}`, ...headers }),
    send: async (given = {}, content = CONTENT) => {
      const message: Incoming = incoming(world.spool, given);
      await world.spool.commit(message, content);
      return message.id;
    },
    route: (id, recipients, events = []) => {
      const base = { of: 0, transport: 'dns', domain: 'example.net', rule: '*', mailbox: { role: 'remote-delivery', key: SITE } } as const;
      return world.spool.expand(
        fresh(id),
        recipients.map((each, number) => ({ ...base, number, address: `r${number}@example.net`, ...each })),
        events,
      );
    },
    reload: (changed) => {
      config = { ...config, admin: { ...config.admin, ...changed } };
      told?.(config);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** node:http and not fetch, which lets nobody choose the Host header. */
function ask(base: string, method: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, agent: false, headers: { connection: 'close', ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = response.headers['content-type']?.includes('json') ? JSON.parse(text) : null;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.on('error', reject).end();
  });
}
