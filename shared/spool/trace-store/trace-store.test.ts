// The trace in SQL, on SQLite and on PostgreSQL: found by all three keys, written once however often it comes, gone in time.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '#shared/testing/postgres.ts';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import { encode, newQueueId, type QueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import type { StreamEntry } from './trace-rows.ts';
import { openTraceStore, type TraceStore } from './trace-store.ts';

const HOUR = 3_600_000;

describe.each(['sqlite', 'postgres'] as const)('on %s', (engine) => {
  let directory: TempDir;
  let server: PostgresServer | undefined;
  let store: TraceStore;
  let sequence = 0;
  const options = () => ({ database: server?.url, dataDir: directory.path });
  const entry = (...events: readonly TraceEvent[]): StreamEntry => [`1700000000000-${sequence++}`, ['e', JSON.stringify(events)]];
  const received = (id: QueueId, detail: Record<string, unknown> = {}, at = 1): TraceEvent => ({
    id,
    at,
    kind: 'received',
    detail: { from: 's@example.org', to: ['r@example.net'], ...detail },
  });
  const event = (id: QueueId, kind: TraceEvent['kind'], detail = {}): TraceEvent => ({ id, at: 2, kind, detail });
  const kinds = async (id: QueueId) => (await store.find({ id }, 10)).map((message) => message.events.map(({ kind }) => kind));

  beforeAll(async () => {
    directory = await tempDir('trace');
    if (engine === 'postgres') server = await startPostgres();
    store = await openTraceStore(options());
  }, 60_000);
  afterAll(async () => {
    await store.close();
    await server?.close();
    await directory.remove();
  });

  test('what is written is found by id, by sender, by recipient whatever its case, and by Message-ID', async () => {
    const id = newQueueId(0, Date.now());
    await store.write([
      entry(received(id, { from: 'Ann@x.test', to: ['Bea@x.test'], messageId: '<1@x.test>' })),
      entry(event(id, 'routed', { recipients: [{ address: 'team@x.test' }] })),
    ]);
    for (const key of [
      { id },
      { address: 'ann@X.test' },
      { address: 'bea@x.test' },
      { address: 'team@x.test' },
      { messageId: '<1@x.test>' },
      { messageId: '1@x.test' },
    ]) {
      const found = await store.find(key, 10);
      expect(
        found.map((message) => [message.id, message.sender, message.messageId, message.events.length]),
        JSON.stringify(key),
      ).toEqual([[id, 'ann@x.test', '1@x.test', 2]]);
    }
    expect(await store.find({ address: 'nobody@x.test' }, 10)).toEqual([]);
    expect(await store.find({ address: '' }, 10)).toEqual([]);
  });

  test('a replay changes nothing, also after a restart', async () => {
    const id = newQueueId(0, Date.now());
    const entries = [entry(received(id), event(id, 'routed')), entry(event(id, 'relayed'))];
    expect(await store.write(entries)).toEqual({ values: 2, damaged: 0 });
    await store.write(entries);
    await store.close();
    store = await openTraceStore(options());
    await store.write([...entries, entry(event(id, 'dsn'))]);
    // Another grouping of the same entries, and a shorter one: of a collector that died, or runs beside.
    await store.write(entries.slice(1));
    await store.write(entries.slice(0, 1));
    expect(await kinds(id)).toEqual([['received', 'routed', 'relayed', 'dsn']]);
  });

  test('many rows go in whatever their number, in the order of the stream', async () => {
    const id = newQueueId(3, Date.now());
    const entries = Array.from({ length: 1234 }, (_, n) => entry(event(id, 'attempted', { n })));
    expect((await store.write(entries)).values).toBe(1234);
    const [message] = await store.find({ id }, 1);
    expect(message?.events.map(({ detail }) => detail['n'])).toEqual(entries.map((_, n) => n));
  });

  test('a DSN stands with the message that it reports, whichever is asked for', async () => {
    const [first, dsn, dsnOfDsn] = [1, 2, 3].map((at) => newQueueId(0, Date.now() + at)) as [QueueId, QueueId, QueueId];
    const child = (id: QueueId, parent: QueueId, at: number) => received(id, { from: '', origin: { kind: 'dsn', parent } }, at);
    await store.write([entry(received(first)), entry(child(dsn, first, 2)), entry(child(dsnOfDsn, dsn, 3))]);
    for (const id of [first, dsn, dsnOfDsn]) expect((await store.find({ id }, 10)).map((message) => message.id)).toEqual([first, dsn, dsnOfDsn]);
    expect((await store.find({ id: dsn }, 10))[1]?.parent).toBe(first);
  });

  test('the newest come first, over all shards, and no more than asked for', async () => {
    const ids = [5, 1, 3, 2, 4].map((hour) => newQueueId(hour % 2, hour * HOUR));
    await store.write(ids.map((id) => entry(received(id, { to: ['many@example.net'] }))));
    const byAge = [ids[0], ids[4], ids[2]];
    expect((await store.find({ address: 'many@example.net' }, 3)).map((message) => message.id)).toEqual(byAge);
  });

  test('the newest come first when rounds overlap and share keys', async () => {
    const ids = Array.from({ length: 100 }, (_, n) => newQueueId(n % 2, 50 * HOUR + n));
    const [even, odd] = [0, 1].map((shard) => ids.filter((_, n) => n % 2 === shard).map((id) => entry(received(id, { to: ['round@example.net'] }))));
    for (const entries of [even, odd]) for (const from of [0, 10, 30, 0]) await store.write(entries?.slice(from, from + 40) ?? []);
    const found = await store.find({ address: 'round@example.net' }, 30);
    expect(found.map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 30));
    expect(found.every(({ events }) => events.length === 1)).toBe(true);
  });

  test('text that a database might refuse is kept', async () => {
    const id = newQueueId(0, Date.now());
    const odd = `a\0b\uD800"'\\${'x'.repeat(5000)}@example.net`;
    expect((await store.write([entry(received(id, { from: odd, to: [odd], messageId: odd }))])).values).toBe(1);
    expect((await store.find({ address: odd }, 1))[0]?.events[0]?.detail['from']).toBe(odd.toWellFormed().replace('\uFFFD', '\uD800'));
  });

  test('what is too old goes in batches, shard by shard; the rest stays', async () => {
    const old = Array.from({ length: 5 }, (_, n) => newQueueId(7, 10 * HOUR + n));
    const young = encode(7, 20 * HOUR, new Uint8Array(9));
    const elsewhere = newQueueId(8, 10 * HOUR);
    await store.write([...old, young, elsewhere].map((id) => entry(received(id, { to: ['old@example.net'] }))));
    expect(await store.expire(7, 20 * HOUR, 3)).toBe(3);
    expect(await store.expire(7, 20 * HOUR, 3)).toBe(2);
    expect(await store.expire(7, 20 * HOUR, 3)).toBe(0);
    expect((await store.find({ address: 'old@example.net' }, 10)).map((message) => message.id)).toEqual([young, elsewhere]);
    expect(await store.expire(7, 21 * HOUR, 3)).toBe(1);
    expect(await store.expire(8, 21 * HOUR, 3)).toBe(1);
    expect(await store.find({ address: 'old@example.net' }, 10)).toEqual([]);
  });
});
