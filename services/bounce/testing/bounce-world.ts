// A bounce role on a real Redis and spool, with a router of the test's own: it decides what became of each message and keeps
// the DSNs that come by. It owns all of it. What can fail: the start of Redis.
import { join } from 'node:path';
import { pino } from 'pino';
import { createActorSystem, type OpenActorSystem } from '#shared/actor/actor-system.ts';
import { scripts } from '#shared/actor/scripts.ts';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import type { Envelope } from '#shared/mail/envelope.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import { createSpool, type RedisSpool } from '#shared/spool/redis-spool.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { MessageView, NewRecipient, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork, encodeWork } from '#shared/spool/work.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { createBounce } from '../bounce-actor.ts';

export interface SeenDsn {
  readonly id: QueueId;
  readonly view: MessageView;
  readonly text: string;
}

export interface BounceWorld extends AsyncDisposable {
  readonly spool: RedisSpool;
  readonly system: OpenActorSystem;
  readonly metrics: Metrics;
  /** DSNs that reached the router, in order. */
  readonly dsns: readonly SeenDsn[];
  readonly logLines: readonly Record<string, unknown>[];
  /** Commits a message whose recipients have these fates at once. */
  send(envelope: Partial<Envelope>, fates: readonly Fate[], content?: Buffer, mishap?: Mishap): Promise<QueueId>;
  /** Resolves when no message is left in the spool and no wake-up in any mailbox. */
  idle(): Promise<void>;
  /** The trace events of a message so far. */
  events(id: QueueId): Promise<readonly TraceEvent[]>;
}

export interface Mishap {
  /** Takes the content away before anybody can read it. */
  readonly loseContent?: boolean;
  /** Wake-ups for these recipients come too, as repeated tells would. */
  readonly wakes?: readonly (readonly number[])[];
}

export type Fate = Partial<NewRecipient>;

/** `dsnFate` is what becomes of each DSN: accepted when absent. */
export async function startBounceWorld(input: ConfigInput = {}, dsnFate?: Fate): Promise<BounceWorld> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const directory = stack.use(await tempDir('bounce'));
  const config = schema.parse({ hostname: 'mx.example.org', ...input, redis: { url: redis.url } });
  const logLines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const common = { clock: systemClock, log, metrics };
  const system = stack.adopt(await createActorSystem({ ...common, config, scripts: Object.values(spoolScripts) }), (open) => open.close());
  const cold = stack.adopt(await openDirectoryStore({ directory: join(directory.path, 'cold'), minFree: 0, log }), (open) => open.close());
  const spool = stack.adopt(createSpool({ ...common, system, cold, config: () => config }), (open) => open.close());
  const fates = new Map<QueueId, readonly Fate[]>();
  const mishaps = new Map<QueueId, Mishap>();
  const seen = new Set<QueueId>();
  const dsns: SeenDsn[] = [];
  const router = async (entry: string) => {
    const view = await spool.read(decodeWork(entry), { role: 'router' });
    if (!view) return;
    const isDsn = view.head.origin.kind === 'dsn';
    // A wake-up may come twice; the record of the DSN is one.
    if (isDsn && !seen.has(view.id)) {
      seen.add(view.id);
      dsns.push({ id: view.id, view, text: await textOf(spool, view) });
    }
    const { loseContent, wakes = [] } = mishaps.get(view.id) ?? {};
    if (loseContent) for (const { base } of system.shards) await system.reader.hdel(`${base}m:${view.id}`, 'c');
    await spool.expand(view.id, expansion(view, isDsn ? (dsnFate ? [dsnFate] : []) : (fates.get(view.id) ?? [])), []);
    await Promise.all(wakes.map((recipients) => wake(system, encodeWork({ id: view.id, recipients }))));
  };
  const running = [
    await system.startPool('router', () => ({ receive: router })),
    await system.startPool('bounce', () => createBounce({ ...common, config: () => config, spool }, decodeWork)),
  ];
  stack.defer(async () => void (await Promise.all(running.map((each) => each.drain(AbortSignal.timeout(2000))))));
  const owned = stack.move();
  const idle = async () => {
    await eventually(async () => {
      const left = (await system.depths()).filter(({ due, delayed }) => due + delayed > 0);
      const messages = await stored(system);
      if (messages > 0 || left.length > 0) throw new Error(`${messages} messages and ${JSON.stringify(left)} are left`);
      return true;
    });
  };
  return {
    ...{ spool, system, metrics, dsns, logLines, idle },
    send: async (envelope, of, content = Buffer.from('Subject: Hello\r\n\r\nThe body.\r\n'), mishap = {}) => {
      const id = spool.newId();
      fates.set(id, of);
      mishaps.set(id, mishap);
      const full: Envelope = { reversePath: 'alice@example.org', recipients: [{ address: 'bob@example.net' }], body: '7bit', smtputf8: false, ...envelope };
      await spool.commit({ id, envelope: full, origin: { kind: 'smtp', client: '192.0.2.1', helo: 'x' }, hops: 0, receivedAt: systemClock.now() }, content);
      return id;
    },
    events: async (id) => {
      const rows = await Promise.all(system.shards.map(({ base }) => system.reader.xrange(`${base}trace`, '-', '+')));
      const events = rows.flat().flatMap(([, fields]) => fields.flatMap((field, at) => (at % 2 === 1 ? (JSON.parse(field) as TraceEvent[]) : [])));
      return events.filter((event) => event.id === id);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function expansion({ head }: MessageView, fates: readonly Fate[]): NewRecipient[] {
  return fates.map((fate, number) => {
    const address = head.envelope.recipients[0]?.address ?? '';
    const base = { number, address, of: 0, transport: 'error', domain: 'example.net', rule: 'test', mailbox: { role: 'bounce' }, owesDsn: true } as const;
    return { ...base, outcome: { kind: 'failed', status: '5.1.1', diagnostic: 'No such mailbox' }, ...fate };
  });
}

async function textOf(spool: RedisSpool, view: MessageView): Promise<string> {
  const content = await spool.content(view);
  return Buffer.isBuffer(content) ? content.toString() : Buffer.concat(await content.toArray()).toString();
}

async function stored(system: OpenActorSystem): Promise<number> {
  const counts = await Promise.all(system.shards.map(({ base }) => system.reader.hget(`${base}stat`, 'messages')));
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

async function wake(system: OpenActorSystem, entry: string): Promise<void> {
  const now = systemClock.now();
  await system.shards[0]?.submit(scripts.tell, ['bounce', entry, now, now], { wakes: [{ role: 'bounce', entry, at: now }] });
}
