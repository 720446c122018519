// From stream entries to rows: what is taken, what is left out.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newQueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';
import { addressKey, messageIdKey, rowsOf } from './trace-rows.ts';

const id = newQueueId(0, 1_700_000_000_000);
const event = (kind: TraceEvent['kind'], detail: Record<string, unknown>): TraceEvent => ({ id, at: 5, kind, detail });
const entry = (...values: readonly string[]) => ['1700000000000-3', values.flatMap((value) => ['e', value])] as const;

test('an entry with several commits becomes one row per event, in order, with what it is found by', () => {
  const received = event('received', { from: 'Alice@Example.ORG', to: ['Bob@example.net', 'bob@EXAMPLE.net'], messageId: '<m@x>', origin: { kind: 'smtp' } });
  const routed = event('routed', { recipients: [{ address: 'carol@example.net' }, { address: 'bob@example.net' }] });
  const rows = rowsOf([entry(JSON.stringify([received, routed]), JSON.stringify([event('relayed', {})]))]);
  expect(rows.events.map(({ stream_ms, stream_seq, position, kind }) => [stream_ms, stream_seq, position, kind])).toEqual([
    [1_700_000_000_000, 3, 0, 'received'],
    [1_700_000_000_000, 3, 1, 'routed'],
    [1_700_000_000_000, 3, 2, 'relayed'],
  ]);
  expect(rows.messages).toEqual([{ queue_id: id, at: 5, message_id: 'm@x', sender: 'alice@example.org', parent: null }]);
  expect(rows.recipients.map(({ address }) => address)).toEqual(['bob@example.net', 'carol@example.net']);
});

test('a DSN names its parent, and the null reverse-path is empty', () => {
  const { messages } = rowsOf([entry(JSON.stringify([event('received', { from: '', to: [], origin: { kind: 'dsn', parent: id } })]))]);
  expect(messages).toEqual([{ queue_id: id, at: 5, message_id: null, sender: '', parent: id }]);
});

test('what is damaged is counted, and its neighbours stay', () => {
  const good = JSON.stringify([event('held', {})]);
  const rows = rowsOf([entry('{', good, '7', 'null', '[{"id":"x"}]', '[null]')]);
  expect([rows.events.length, rows.damaged]).toEqual([1, 5]);
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
        for (const { address } of rowsOf([entry(...values)]).recipients) expect(address).not.toContain('\0');
      },
    ),
  );
  expect(addressKey(`A\0\uD800${'x'.repeat(2000)}`)).toBe(`a\uFFFD\uFFFD${'x'.repeat(509)}`);
  expect(messageIdKey(' <a@b> ')).toBe(messageIdKey('a@b'));
});
