// The destination actor when things on our own side go wrong: the spool is a stub that records, the next hop is real.
import { Readable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Activation, KeyedActor } from '#shared/actor/actor.ts';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Settlement, Spool, TraceEvent } from '#shared/spool/spool.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { SiteLabels } from '#shared/telemetry/site-labels.ts';
import { startSink } from '#shared/testing/sink.ts';
import { DROP, type SinkScript } from '#shared/testing/sink-script.ts';
import { Connections, connectionSettings } from './connections.ts';
import { destinationActors } from './destination-actor.ts';
import { CONTENT, DNS_KEY, hosts } from './testing/delivery-world.ts';

const ENTRY = newQueueId(0, Date.now());

interface Given {
  readonly recipients?: number;
  readonly content?: () => Buffer | Readable;
  readonly size?: number;
  readonly script?: SinkScript;
  readonly config?: ConfigInput;
  readonly activation?: Partial<Activation>;
  readonly addresses?: readonly string[];
  readonly sinkHost?: string;
  /** Milliseconds since the message was received. */
  readonly age?: number;
}

async function start(given: Given) {
  const { recipients = 1, content = () => CONTENT, size = CONTENT.length, script = {}, config: input = {}, activation = {}, age = 0 } = given;
  const { addresses = ['127.0.0.1'], sinkHost = '127.0.0.1' } = given;
  const sink = await startSink({ tls: 'none', script, host: sinkHost });
  const config = schema.parse({ ...input, resolver: { smtp_port: sink.port, allow_private: true } });
  const connections = new Connections(() => connectionSettings(config, 'relay.example.org'), systemClock, Math.random);
  const settled: Settlement[][] = [];
  const events: TraceEvent[] = [];
  const lines: unknown[] = [];
  const spool: Pick<Spool, 'read' | 'content' | 'move' | 'settle' | 'probe'> = {
    read: async (work, mailbox) => view(recipients, size, age, work, mailbox),
    content: async () => content(),
    move: async () => 'committed',
    probe: async () => {},
    settle: async (_view, _fence, settlements, told) => {
      settled.push([...settlements]);
      events.push(...(told ?? []));
      return 'committed';
    },
  };
  const own = { spool, connections, config: () => config, directory: createDirectory(() => config), resolutions: { lookup: async () => hosts(addresses) } };
  const parts = {
    ...own,
    log: pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
    clock: systemClock,
    labels: new SiteLabels(),
    random: () => 0.5,
  };
  const activate = (more: Partial<Activation> = {}): KeyedActor =>
    destinationActors(parts)({
      role: 'remote-delivery',
      key: DNS_KEY,
      shard: 0,
      epoch: 1,
      learnt: null,
      leaseLeft: () => 5000,
      ...activation,
      ...more,
    });
  const dispose = async () => {
    await connections.close();
    await sink.close();
  };
  const receive = (actor: KeyedActor) => actor.receive(ENTRY, { handedOutBefore: false });
  return { sink, settled, events, lines, closeConnections: () => connections.close(), activate, receive, [Symbol.asyncDispose]: dispose };
}

function view(count: number, size: number, age: number, work: MessageView['work'], mailbox: MessageView['mailbox']): MessageView {
  const recipients = Array.from({ length: count }, (_, number): Recipient => ({ ...RECIPIENT, number, address: `r${number}@example.net` }));
  const envelope = { reversePath: 'a@example.org', recipients: [], body: '7bit', smtputf8: false } as const;
  const head = { version: 1, envelope, origin: { kind: 'smtp', client: '', helo: '' }, size, receivedAt: Date.now() - age, hops: 0 } as const;
  return { id: work.id, work, mailbox, head, place: { tier: 'hot' }, open: recipients.length, recipients };
}

const RECIPIENT = { of: 0, transport: 'dns', domain: 'example.net', rule: '*', state: 'queued', mailbox: 'm', attempts: 0 } as const;

test('content that breaks in the second transaction costs the first nothing', async () => {
  let reads = 0;
  const content = () => {
    if (reads++ > 0) throw new Error('store away');
    return Readable.from([CONTENT, Buffer.alloc(100_000, 'text\r\n')]);
  };
  await using part = await start({ recipients: 150, content, size: 100_036 });
  await part.receive(part.activate());
  const kinds = part.settled.flat().map(({ number, outcome }) => `${number < 100 ? 'first' : 'second'} ${outcome.kind}`);
  expect([part.settled.length, new Set(kinds)]).toEqual([1, new Set(['first relayed', 'second delayed'])]);
});

test('content that cannot be read at all is the runtime’s to try again', async () => {
  await using part = await start({
    content: () => {
      throw new Error('store away');
    },
  });
  await expect(part.receive(part.activate())).rejects.toThrow('store away');
  expect(part.settled).toEqual([]);
});

test('content that is missing is a deferral, never a bounce', async () => {
  await using part = await start({
    content: () => {
      throw new ContentMissingError('segment 7 is damaged at 12', { cause: new Error('EIO') });
    },
  });
  await part.receive(part.activate());
  const outcome = { kind: 'delayed', scope: 'recipient', status: '4.3.0', host: 'mx0.example.net', address: '127.0.0.1' };
  expect(part.settled).toMatchObject([[{ outcome }]]);
  expect(JSON.stringify(part.settled)).not.toContain('segment');
  expect(part.lines).toContainEqual(expect.objectContaining({ msg: 'attempt', trouble: 'segment 7 is damaged at 12: EIO' }));
  expect(part.events).toMatchObject([{ kind: 'attempted', detail: { host: 'mx0.example.net' } }]);
});

test('a host that was passed over is told in the log and the trace, whether another took the message or not', async () => {
  await using part = await start({
    addresses: ['127.0.0.1', '127.0.0.2'],
    script: { connect: () => (part.sink.connections.length > 1 ? '421 Later' : undefined) },
    sinkHost: '127.0.0.2',
  });
  await part.receive(part.activate());
  const refused = 'mx0.example.net[127.0.0.1]: could not connect: ECONNREFUSED';
  expect(part.events).toMatchObject([{ detail: { host: 'mx1.example.net', passedOver: [refused], results: [{ kind: 'relayed' }] } }]);
  expect(part.lines).toContainEqual(expect.objectContaining({ kind: 'relayed', host: 'mx1.example.net', passedOver: [refused] }));
  await part.closeConnections();
  await part.receive(part.activate());
  expect(part.events[1]).toMatchObject({ detail: { passedOver: [expect.any(String)], results: [{ kind: 'delayed' }] } });
});

test('a lease that ended sends nothing, and the message stays due', async () => {
  await using part = await start({ recipients: 150, activation: { leaseLeft: () => 0 } });
  const before = Date.now();
  await part.receive(part.activate());
  expect(part.sink.messages).toHaveLength(0);
  expect(part.sink.connections).toHaveLength(0);
  for (const { outcome, next } of part.settled.flat()) expect([outcome.kind, (next?.due ?? 0) - before < 5000]).toEqual(['delayed', true]);
  expect(part.settled.flat()).toHaveLength(150);
});

test('an activation that is aborted cuts what it has under way', async () => {
  let left = 5000;
  const script = {
    mail: (): undefined => {
      left = 0;
      actor.abort?.();
    },
  };
  await using part = await start({ activation: { leaseLeft: () => left }, script });
  const actor = part.activate();
  await part.receive(actor);
  expect(part.settled).toMatchObject([[{ outcome: { kind: 'delayed', status: '4.3.2' } }]]);
  expect(part.sink.messages).toHaveLength(0);
});

test('one message that kills its session does not close the site, five sessions lost in a row do', async () => {
  await using part = await start({ script: { mail: () => DROP } });
  const actor = part.activate();
  for (let lost = 1; lost <= 5; lost++) {
    expect(actor.closedUntil?.()).toBeNull();
    await part.receive(actor);
  }
  expect(part.settled.flat().every(({ outcome }) => outcome.kind === 'delayed' && outcome.scope === 'recipient')).toBe(true);
  expect(actor.closedUntil?.()).toBeGreaterThan(Date.now());
  expect(actor.window()).toBe(0);
});

test('what was learnt survives: the next activation begins with a probe, and its success opens the window', async () => {
  await using part = await start({ config: { sites: [{ match: 'example.net', connections: 7 }] } });
  await part.sink.refuse();
  const first = part.activate();
  await part.receive(first);
  const learnt: unknown = JSON.parse(JSON.stringify(first.learnt?.()));
  expect(JSON.stringify(learnt)).toContain('127.0.0.1');
  const second = part.activate({ learnt });
  expect(second.window()).toBe(1);
  await part.sink.listen();
  await part.receive(second);
  // Two for each connection, and one ahead for the one that went just now.
  expect([second.window(), second.closedUntil?.()]).toEqual([15, null]);
});

test('the trace of a delay says when its site is tried again, not that the message is due at once', async () => {
  await using part = await start({ recipients: 2 });
  await part.sink.refuse();
  const actor = part.activate();
  await part.receive(actor);
  const due = actor.closedUntil?.();
  expect(due).toBeGreaterThan(Date.now());
  expect(part.events).toMatchObject([{ detail: { results: [{ kind: 'delayed', due, siteRefuses: true, recipients: [0, 1] }] } }]);
});

test('the trace of a delay says the message’s own time while its site is tried on', async () => {
  await using part = await start({ script: { mail: () => DROP } });
  const actor = part.activate();
  await part.receive(actor);
  const due = part.settled[0]?.[0]?.next?.due;
  expect(part.events).toMatchObject([{ detail: { results: [{ kind: 'delayed', due }] } }]);
  expect(JSON.stringify(part.events)).not.toContain('siteRefuses');
});

test('while a probe decides, a thousand senders are warned of a long delay without an attempt; the next is the probe', async () => {
  await using part = await start({ recipients: 1001, age: 86_400_000 });
  await part.sink.refuse();
  const failure = { status: '4.4.1', diagnostic: 'connection refused' };
  const actor = part.activate({ learnt: { breaker: { level: 2, until: 0, failure } } });
  await part.receive(actor);
  const [settlements = []] = part.settled;
  expect(settlements.every(({ outcome, warn }) => outcome.kind === 'delayed' && outcome.scope === 'site' && warn)).toBe(true);
  expect(settlements.filter(({ outcome }) => 'diagnostic' in outcome && outcome.diagnostic === failure.diagnostic)).toHaveLength(1000);
  expect(actor.closedUntil?.()).toBeGreaterThan(Date.now());
});

test.each([null, 3, 'x', [], ['1.2.3.4'], { avoid: 5 }, { avoid: { a: 7 }, breaker: [] }])(
  'what it cannot read of what was learnt (%j) does no harm',
  async (learnt) => {
    await using part = await start({});
    const actor = part.activate({ learnt });
    await part.receive(actor);
    expect(part.settled).toMatchObject([[{ outcome: { kind: 'relayed' } }]]);
  },
);

test('the partitions of a site share its connections, each with a message at work and one that follows', async () => {
  const config = { sites: [{ match: '*', connections: 10, partitions: 4 }] };
  await using part = await start({ config });
  const windows = [0, 1, 2, 3].map((partition) => part.activate({ key: DNS_KEY.replace(/\d+$/, String(partition)) }).window());
  expect([windows, windows.reduce((sum, each) => sum + each)]).toEqual([[6, 6, 4, 4], 20]);
});

test('small content in the cold tier is read once for all transactions', async () => {
  let reads = 0;
  const content = () => {
    reads++;
    return CONTENT;
  };
  await using part = await start({ recipients: 150, content });
  await part.receive(part.activate());
  expect([reads, part.sink.messages.map(({ content: taken }) => taken.equals(CONTENT))]).toEqual([1, [true, true]]);
});
