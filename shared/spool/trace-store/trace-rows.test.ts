// From stream entries to rows and back: what is taken, what is left out.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newQueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import { addressKey, byTime, fromByTime, inParts, keysOf, keysOfPlain, messageIdKey, receivedOf } from './trace-keys.ts';
import { eventsOf, rowsOf, type StreamEntry } from './trace-rows.ts';

const id = newQueueId(3, 1_700_000_000_000);
const event = (kind: TraceEvent['kind'], detail: Record<string, unknown> = {}, of = id): TraceEvent => ({ id: of, at: 5, kind, detail });
const entryAt = (streamId: string, ...values: readonly string[]): StreamEntry => [streamId, values.flatMap((value) => ['e', value])];
const entry = (...values: readonly string[]) => entryAt('1700000000000-3', ...values);
const kinds = (...texts: readonly string[]) => eventsOf(texts.map((events) => ({ queue_id: id, events }))).events.map(({ kind }) => kind);

test('what a message had in one round becomes one row, in order, and what it is found by', () => {
  const received = event('received', { from: 'Alice@Example.ORG', to: ['Bob@example.net', 'bob@EXAMPLE.net'], messageId: '<m@x>', origin: { kind: 'smtp' } });
  const routed = event('routed', { recipients: [{ address: 'carol@example.net' }, { address: 'bob@example.net' }] });
  const other = newQueueId(3, 1_700_000_000_001);
  const rows = rowsOf([
    entry(JSON.stringify([received]), JSON.stringify([event('held', {}, other)]), JSON.stringify([routed, event('attempted')])),
    entryAt('1700000000005-0', JSON.stringify([event('relayed')])),
  ]);
  expect(rows.events.map(([queueId, ms, seq]) => [queueId, ms, seq])).toEqual([
    [id, 1_700_000_000_000, 3],
    [other, 1_700_000_000_000, 3],
  ]);
  expect(kinds(rows.events[0]?.[3] ?? '')).toEqual(['received', 'routed', 'attempted', 'relayed']);
  expect(rows.keys).toEqual(['a:alice@example.org', 'a:bob@example.net', 'm:m@x', 'a:carol@example.net'].map((key) => [key, byTime(id), '']));
});

test('messages of one key share a row under the newest, up to its bound, and shards never share', () => {
  const ids = Array.from({ length: 40 }, (_, n) => newQueueId(3, 1_700_000_000_000 + ((n * 7) % 40)));
  const elsewhere = newQueueId(4, 1_700_000_000_000);
  const { keys } = rowsOf([entry(...[...ids, elsewhere].map((each) => JSON.stringify([event('received', { from: 'a@x' }, each)])))]);
  expect(keys.map(([key]) => key)).toEqual(['a:a@x', 'a:a@x', 'a:a@x']);
  expect(keys.map(([, newest, others]) => [...inParts(others), newest].sort().at(-1))).toEqual(keys.map(([, newest]) => newest));
  const told = keys.map(([, newest, others]) => inParts(newest + others));
  expect(told.map((each) => each.length)).toEqual([32, 8, 1]);
  expect(told.flat().sort()).toEqual([...ids, elsewhere].map(byTime).sort());
});

test('rows that overlap tell each event once, in the order of the stream', () => {
  const [first, second, third] = (['received', 'routed', 'relayed'] as const).map((kind, n) =>
    entryAt(`170000000000${n + 8}-0`, JSON.stringify([event(kind)])),
  ) as [StreamEntry, StreamEntry, StreamEntry];
  const text = (...entries: readonly StreamEntry[]) => rowsOf(entries).events[0]?.[3] ?? '';
  expect(text(first, second, third).startsWith(text(first, second))).toBe(true);
  expect(kinds(text(second, third), text(first, second))).toEqual(['received', 'routed', 'relayed']);
});

test('a DSN names its parent, and the null reverse-path is empty', () => {
  const dsn = event('received', { from: '', to: [], origin: { kind: 'dsn', parent: id } });
  expect(receivedOf(dsn)).toEqual({ sender: '', messageId: null, parent: id });
  expect(rowsOf([entry(JSON.stringify([dsn]))]).keys).toEqual([[`p:${id}`, byTime(id), '']]);
  expect(fromByTime(byTime(id))).toBe(id);
});

test('what is damaged is counted, and its neighbours stay', () => {
  const good = JSON.stringify([event('held')]);
  const rows = rowsOf([entry('{', good, '7', 'null', '[{"id":"x"}]', '[null]', JSON.stringify([event('received')]).replace(/.{3}$/, '}]'))]);
  expect([rows.values, rows.damaged]).toEqual([1, 6]);
  const whole = rows.events[0]?.[3] ?? '';
  const text = `${whole}no line\n1-1-1 [{"id":"${id}"}]\n2-2-2 ${JSON.stringify([event('held', {}, newQueueId(1, 1))])}\n`;
  expect(eventsOf([{ queue_id: id, events: text }])).toEqual({ events: [event('held')], damaged: 3 });
});

test('no field of a stream makes it throw, or a key that a database refuses', () => {
  const detail = fc.dictionary(fc.constantFrom('from', 'to', 'recipients', 'messageId', 'origin'), fc.jsonValue());
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.string(),
          detail.map((each) => JSON.stringify([event('received', each), event('routed', each)])),
        ),
      ),
      (values) => {
        const { keys, events } = rowsOf([entry(...values)]);
        for (const [key] of keys) expect(key).not.toContain('\0');
        for (const [queue_id, , , text] of events) expect(eventsOf([{ queue_id, events: text }]).damaged).toBe(0);
      },
    ),
  );
  expect(addressKey(`A\0\uD800${'x'.repeat(2000)}`)).toBe(`a:a\uFFFD\uFFFD${'x'.repeat(509)}`);
  expect(messageIdKey(' <a@b> ')).toBe(messageIdKey('a@b'));
});

test('keys taken from the text are those of the parsed event', () => {
  const text = fc.oneof(
    fc.constantFrom('', 'A@b', '<1@x>', '","', '"address":"x"', ']}', '\\', 'kind'),
    fc.emailAddress(),
    fc.string({ maxLength: 3, unit: 'binary' }),
  );
  const origin = fc.oneof(
    fc.record({ kind: fc.constantFrom('smtp', 'dsn'), client: text, parent: fc.constant(id) }),
    fc.constant({ kind: 'smtp', tls: { version: 'x' } }),
  );
  const received = fc
    .record({ from: text, to: fc.array(text), size: fc.nat(), origin, messageId: fc.option(text, { nil: undefined }) })
    .map((detail) => event('received', detail));
  const recipient = fc.record({ number: fc.nat(), address: text, rule: text, to: text });
  const common = fc.option(fc.record({ rule: text, to: text }), { nil: undefined });
  const routed = fc.tuple(common, fc.array(recipient)).map(([once, recipients]) => event('routed', { ...once, recipients }));
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(received, routed), (each) => {
      const keys = keysOfPlain(JSON.stringify([each]));
      if (keys) plain++;
      expect(keys ?? keysOf(each)).toEqual(keysOf(each));
    }),
    { numRuns: 500 },
  );
  expect(plain).toBeGreaterThan(20);
});
