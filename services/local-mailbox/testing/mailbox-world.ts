// A local-mailbox role on a real Redis, spool and mail store, with a router of the test's own that sends everything here.
// Owns all of it. What can fail: the start of Redis.
import type { Config, ConfigInput } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { Notify } from '#shared/mail/envelope.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { type MailstoreOptions, openMailstore } from '#shared/mailstore/open-mailstore.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { NewRecipient, Spool, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork } from '#shared/spool/work.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { incoming, startWorld, type World } from '#shared/testing/world.ts';
import { createLocalMailbox, type LocalMailboxHost } from '../local-mailbox.ts';

export interface MailboxWorld extends AsyncDisposable {
  readonly world: World;
  readonly mailstore: Mailstore;
  readonly dataDir: string;
  /** The parts of the host that the actor takes. */
  readonly host: LocalMailboxHost;
  /** Starts the role; it is drained with the world. */
  serve(host?: LocalMailboxHost): Promise<void>;
  /** Commits a message to these addresses. */
  send(to: readonly string[], given?: { readonly from?: string; readonly content?: Buffer; readonly notify?: readonly Notify[] }): Promise<QueueId>;
  /** Resolves when nothing waits in any mailbox. */
  idle(within?: number): Promise<void>;
  /** Resolves with the trace event of this kind. */
  event(id: QueueId, kind: TraceEvent['kind']): Promise<TraceEvent>;
}

const CONFIG: ConfigInput = {
  domains: { 'example.org': {} },
  accounts: [{ address: 'alice@example.org' }, { address: 'bob@example.org' }],
  delivery: { retry: ['1s'] },
};

export const CONTENT = Buffer.from('Subject: Hello\r\n\r\nThe body.\r\n');

export async function startMailboxWorld(options: Pick<Partial<MailstoreOptions>, 'quota' | 'minFree'> = {}): Promise<MailboxWorld> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld({ config: CONFIG }));
  const directory = stack.use(await tempDir('mailbox'));
  const { spool, system, metrics, clock, log } = world;
  const config = (): Config => world.config;
  const mailstore = stack.adopt(await openMailstore({ dataDir: directory.path, clock, minFree: 0, ...options }), (open) => open.close());
  const host: LocalMailboxHost = { config, clock, metrics, log, spool, mailstore, directory: createDirectory(config) };
  const notifies = new Map<QueueId, readonly Notify[]>();
  const router = await system.startPool('router', () => ({ receive: (entry) => expandHere(spool, entry, notifies) }));
  stack.defer(() => router.drain(AbortSignal.timeout(2000)));
  const owned = stack.move();
  return {
    ...{ world, mailstore, host, dataDir: directory.path },
    serve: async (given = host) => {
      const actors = await system.startPool('local-mailbox', () => createLocalMailbox(given, { decodeWork, random: () => 0.5 }));
      owned.defer(() => actors.drain(AbortSignal.timeout(2000)));
    },
    send: async (to, { from = 'sender@example.com', content = CONTENT, notify } = {}) => {
      const message = incoming(spool, { to, from });
      if (notify) notifies.set(message.id, notify);
      await spool.commit(message, content);
      return message.id;
    },
    idle: async (within = 10_000) => {
      await eventually(async () => (await system.depths()).every(({ due, delayed }) => due + delayed === 0), { within });
    },
    event: (id, kind) => eventually(async () => (await events(world)).find((event) => event.id === id && event.kind === kind), { within: 10_000 }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function expandHere(spool: Spool, entry: string, notifies: ReadonlyMap<QueueId, readonly Notify[]>): Promise<void> {
  const view = await spool.read(decodeWork(entry), { role: 'router' });
  if (!view) return;
  const notify = notifies.get(view.id);
  const recipients = view.head.envelope.recipients.map(({ address }, number): NewRecipient => {
    const base = { number, address, of: number, transport: 'local', domain: 'example.org', rule: 'test', mailbox: { role: 'local-mailbox' } } as const;
    return notify ? { ...base, notify } : base;
  });
  await spool.expand(view, recipients, []);
}

async function events({ system }: World): Promise<TraceEvent[]> {
  const rows = await Promise.all(system.shards.map(({ base }) => system.reader.xrange(`${base}trace`, '-', '+')));
  // Each entry is `e` and events, repeated: one commit of many messages makes one entry.
  const texts = rows.flat().flatMap(([, fields]) => fields.filter((_, index) => index % 2 === 1));
  return texts.flatMap((text) => JSON.parse(text) as TraceEvent[]);
}
