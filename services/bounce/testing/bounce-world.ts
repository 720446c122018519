// A bounce role on a real Redis and spool, with a router of the test's own: it decides what became of each message and keeps
// the DSNs that come by. It owns all of it.

import { scripts } from '#shared/actor/scripts.ts';
import type { ConfigInput } from '#shared/config/schema.ts';
import type { Envelope } from '#shared/mail/envelope.ts';
import { retryOf } from '#shared/protocol/retry-schedule.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { MessageView, NewRecipient, Settlement, Spool, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork, encodeWork } from '#shared/spool/work.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { incoming, startWorld, type World } from '#shared/testing/world.ts';
import { createBounce } from '../bounce-actor.ts';

const LOCAL = { role: 'local-mailbox' } as const;

export interface SeenDsn {
  readonly id: QueueId;
  readonly view: MessageView;
  readonly text: string;
}

export interface BounceWorld extends AsyncDisposable, Pick<World, 'metrics' | 'spool' | 'lines'> {
  /** DSNs that reached the router, in order. */
  readonly dsns: readonly SeenDsn[];
  /** Commits a message whose recipients have these fates at once. */
  send(envelope: Partial<Envelope>, fates: readonly Fate[], content?: Buffer, mishap?: Mishap): Promise<QueueId>;
  /** From now on what was delayed is delivered. */
  deliver(): void;
  /** Resolves when no message is left in the spool and no wake-up in any mailbox. */
  idle(): Promise<void>;
  /** The trace events of a message so far. */
  events(id: QueueId): Promise<readonly TraceEvent[]>;
}

/** What is not said is: the envelope's first recipient failed, and a DSN is owed. */
export type Fate = Partial<NewRecipient> & {
  /** It waits at local-mailbox, each attempt is delayed, and the retry schedule decides the rest, until `deliver`. */
  readonly delayed?: boolean;
};

export interface Mishap {
  /** Takes the content away before anybody can read it. */
  readonly loseContent?: boolean;
  /** Wake-ups for these recipients come too, as repeated tells would. */
  readonly wakes?: readonly (readonly number[])[];
}

/** `dsnFate` is what becomes of each DSN: accepted when absent. */
export async function startBounceWorld(config: ConfigInput = {}, dsnFate?: Fate): Promise<BounceWorld> {
  const world = await startWorld({ config: { hostname: 'mx.example.org', ...config } });
  const { system, spool } = world;
  const sent = new Map<QueueId, { readonly fates: readonly Fate[]; readonly mishap: Mishap }>();
  const dsns = new Map<QueueId, SeenDsn>();
  let delivering = false;
  const file = async (entry: string) => {
    const view = await spool.read(decodeWork(entry), LOCAL);
    if (view) await spool.settle(view, { mailbox: LOCAL }, settlements(world, view, delivering));
  };
  const route = async (entry: string) => {
    const view = await spool.read(decodeWork(entry), { role: 'router' });
    if (!view) return;
    const isDsn = view.head.origin.kind === 'dsn';
    if (isDsn) dsns.set(view.id, { id: view.id, view, text: await textOf(spool, view) });
    const { fates, mishap } = sent.get(view.id) ?? { fates: dsnFate ? [dsnFate] : [], mishap: {} };
    if (mishap.loseContent) await dropContent(world, view.id);
    await spool.expand(view, expansion(view, fates), []);
    await Promise.all((mishap.wakes ?? []).map((recipients) => wake(world, encodeWork({ id: view.id, recipients }))));
  };
  const running = [
    await system.startPool('router', () => ({ receive: route })),
    await system.startPool('local-mailbox', () => ({ receive: file })),
    await system.startPool('bounce', () => createBounce({ ...world, config: () => world.config }, decodeWork)),
  ];
  return {
    ...{ metrics: world.metrics, spool, lines: world.lines },
    get dsns() {
      return [...dsns.values()];
    },
    send: async (envelope, fates, content = Buffer.from('Subject: Hello\r\n\r\nThe body.\r\n'), mishap = {}) => {
      const message = incoming(spool, { from: 'alice@example.org', to: ['bob@example.net'] });
      sent.set(message.id, { fates, mishap });
      await spool.commit({ ...message, envelope: { ...message.envelope, ...envelope } }, content);
      return message.id;
    },
    deliver: () => {
      delivering = true;
    },
    idle: () => idle(world),
    events: (id) => traceOf(world, id),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running.map((each) => each.drain(AbortSignal.timeout(2000))));
      await world.close();
    },
  };
}

function expansion({ head }: MessageView, fates: readonly Fate[]): NewRecipient[] {
  return fates.map(({ delayed, ...fate }, number) => {
    const address = head.envelope.recipients[0]?.address ?? '';
    const base = { number, address, of: 0, transport: 'error', domain: 'example.net', rule: 'test', mailbox: { role: 'bounce' }, owesDsn: true } as const;
    if (delayed) return { ...base, transport: 'local', mailbox: LOCAL, owesDsn: false, ...fate };
    return { ...base, outcome: { kind: 'failed', status: '5.1.1', diagnostic: 'No such mailbox' }, ...fate };
  });
}

function settlements({ clock, config }: World, view: MessageView, delivering: boolean): Settlement[] {
  const occasion = { now: clock.now(), chance: 0.5, delivery: config.delivery };
  return view.recipients.map((recipient) => {
    const base = { number: recipient.number, attempt: recipient.attempts + 1, owesDsn: false };
    const retry = retryOf(view, recipient, occasion);
    if (delivering || !retry) return { ...base, outcome: { kind: 'delivered' } };
    const outcome: Outcome = { kind: 'delayed', scope: 'recipient', status: '4.2.2', diagnostic: 'The mailbox is full' };
    return { ...base, outcome, next: { due: retry.due }, ...(retry.warn && { warn: true }) };
  });
}

async function textOf(spool: Spool, view: MessageView): Promise<string> {
  const content = await spool.content(view);
  return Buffer.isBuffer(content) ? content.toString() : Buffer.concat(await content.toArray()).toString();
}

async function wake({ system, clock }: World, entry: string): Promise<void> {
  const now = clock.now();
  await system.shards[0]?.submit(scripts.tell, ['bounce', entry, now, now], { wakes: [{ role: 'bounce', entry, at: now }] });
}

async function dropContent({ system }: World, id: QueueId): Promise<void> {
  for (const { base } of system.shards) await system.reader.hdel(`${base}m:${id}`, 'c');
}

async function traceOf({ system }: World, id: QueueId): Promise<readonly TraceEvent[]> {
  const entries = (await Promise.all(system.shards.map(({ base }) => system.reader.xrange(`${base}trace`, '-', '+')))).flat();
  const values = entries.flatMap(([, fields]) => fields.filter((_, at) => at % 2 === 1));
  return values.flatMap((value) => JSON.parse(value) as TraceEvent[]).filter((event) => event.id === id);
}

async function idle({ system }: World): Promise<void> {
  await eventually(async () => {
    const left = (await system.depths()).filter(({ due, delayed }) => due + delayed > 0);
    const counts = await Promise.all(system.shards.map(({ base }) => system.reader.hget(`${base}stat`, 'messages')));
    const messages = counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
    if (messages > 0 || left.length > 0) throw new Error(`${messages} messages and ${JSON.stringify(left)} are left`);
    return true;
  });
}
