// The collector between a real stream and a real database: nothing is lost, doubled or left behind.
import { afterEach, expect, test } from 'vitest';
import type { QueueId } from '#shared/spool/queue-id.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { incoming, startWorld, type World } from '#shared/testing/world.ts';
import { startTraceCollector, type TraceCollector } from './trace-collector.ts';
import type { StreamEntry } from './trace-rows.ts';
import { openTraceStore, type TraceStore } from './trace-store.ts';

const CONTENT = Buffer.from('Subject: x\r\n\r\nx\r\n');
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Collecting {
  readonly world: World;
  readonly store: TraceStore;
  readonly collector: TraceCollector;
  /** Commits a message, whose `received` event goes to the stream. */
  send(): Promise<QueueId>;
  /** Entries left in the streams. */
  backlog(): Promise<number>;
  collect(through: TraceStore): TraceCollector;
}

async function collecting(shards = 1, wrap: (store: TraceStore) => TraceStore = (store) => store): Promise<Collecting> {
  const world = await startWorld({ config: { redis: { shards } } });
  closing.push(() => world.close());
  const directory: TempDir = await tempDir('collector');
  closing.push(() => directory.remove());
  const store = await openTraceStore({ dataDir: directory.path });
  closing.push(() => store.close());
  const collect = (through: TraceStore) => {
    const { system, clock, log, metrics, config } = world;
    const collector = startTraceCollector({ system, clock, log, metrics, store: through, config: () => config });
    closing.push(() => collector.stop());
    return collector;
  };
  return {
    ...{ world, store, collect, collector: collect(wrap(store)) },
    send: async () => {
      const message = incoming(world.spool);
      await world.spool.commit(message, CONTENT);
      return message.id;
    },
    backlog: async () => {
      const lengths = await Promise.all(world.system.shards.map(({ base }) => world.system.reader.xlen(`${base}trace`)));
      return lengths.reduce((sum, length) => sum + length, 0);
    },
  };
}

test('events of all shards arrive by themselves, and the streams are emptied', async () => {
  const { send, store, backlog } = await collecting(3);
  const ids = await Promise.all(Array.from({ length: 30 }, send));
  await eventually(async () => (await backlog()) === 0);
  for (const id of ids) expect((await store.find({ id }, 1)).map((message) => message.events.map(({ kind }) => kind))).toEqual([['received']]);
});

test('a crash between commit and trim repeats the round and doubles nothing', async () => {
  const { send, store, collector, world, backlog } = await collecting();
  const id = await send();
  const stream = `${world.system.shards[0]?.base}trace`;
  // The commit of a collector that died before it trimmed.
  await store.write((await world.system.reader.xrange(stream, '-', '+')) as never);
  expect(await backlog()).toBe(1);
  expect(await collector.catchUp(5_000)).toBe(true);
  expect(await backlog()).toBe(0);
  expect((await store.find({ id }, 1))[0]?.events).toHaveLength(1);
});

test('two collectors side by side write everything once', async () => {
  const { send, store, collector, collect } = await collecting();
  const second = collect(store);
  const ids: QueueId[] = [];
  for (let round = 0; round < 5; round++) {
    ids.push(...(await Promise.all(Array.from({ length: 40 }, send))));
    await Promise.all([collector.catchUp(5_000), second.catchUp(5_000)]);
  }
  for (const id of ids) expect((await store.find({ id }, 1))[0]?.events, id).toHaveLength(1);
});

test('rounds of two collectors that differ in size and overlap, with a crash between, show each event once and in order', async () => {
  const { send, store, world, backlog, collector } = await collecting();
  const stream = `${world.system.shards[0]?.base}trace`;
  const ids = await Promise.all(Array.from({ length: 20 }, send));
  for (const [n, kind] of ['routed', 'attempted', 'relayed'].entries())
    for (const id of ids) await world.system.reader.xadd(stream, '*', 'e', JSON.stringify([{ id, at: n, kind, detail: {} }]));
  const round = async (from: string, count: number) => (await world.system.reader.xrange(stream, from, '+', 'COUNT', count)) as never as StreamEntry[];
  // A small round and a large one, neither trimmed; then one that begins later, as if another had trimmed.
  await store.write(await round('-', 15));
  const large = await round('-', 50);
  await store.write(large);
  await store.write(await round(large[10]?.[0] ?? '', 60));
  expect(await collector.catchUp(5_000)).toBe(true);
  expect(await backlog()).toBe(0);
  for (const id of ids) expect((await store.find({ id }, 1))[0]?.events.map(({ kind }) => kind)).toEqual(['received', 'routed', 'attempted', 'relayed']);
});

test('while the database is away the stream keeps everything, and then it is collected', async () => {
  let away = true;
  const flaky = (store: TraceStore): TraceStore => ({ ...store, write: (entries) => (away ? Promise.reject(new Error('away')) : store.write(entries)) });
  const { send, store, collector, backlog } = await collecting(1, flaky);
  const id = await send();
  await expect(collector.catchUp(1_000)).rejects.toThrow('away');
  expect(await backlog()).toBe(1);
  away = false;
  expect(await collector.catchUp(5_000)).toBe(true);
  expect(await store.find({ id }, 1)).toHaveLength(1);
});

test('a damaged value is left out with a line in the log, and its neighbours are collected', async () => {
  const { send, store, collector, world } = await collecting();
  await world.system.reader.xadd(`${world.system.shards[0]?.base}trace`, '*', 'e', 'no JSON');
  const id = await send();
  expect(await collector.catchUp(5_000)).toBe(true);
  expect(await store.find({ id }, 1)).toHaveLength(1);
  expect(world.lines.some(({ msg, damaged }) => msg === 'trace events could not be read' && damaged === 1)).toBe(true);
});

test('what is older than trace.keep goes', async () => {
  const { send, store, collector, world } = await collecting();
  const id = await send();
  await collector.catchUp(5_000);
  expect(await collector.expire()).toBe(0);
  (world.config.trace as { keep: number }).keep = -1000;
  expect(await collector.expire()).toBe(1);
  expect(await store.find({ id }, 1)).toEqual([]);
});
