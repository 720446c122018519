// What becomes of a recipient: DSNs owed, the retry schedule, and its end.
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView } from '#shared/spool/spool.ts';
import { settlementOf, UNKNOWN, type Verdict, verdictOf } from './verdict.ts';

const { delivery } = schema.parse({});
const RECEIVED = 1_700_000_000_000;
const DAY = 86_400_000;
const OVER_QUOTA = verdictOf({ kind: 'over-quota' }) as Verdict;

function settled(verdict: Verdict, { age = 0, attempts = 0, reversePath = 'a@example.com', more = {}, random = 0.5 }) {
  const recipient = { number: 3, attempts, ...more } as Recipient;
  const view = { id: newQueueId(0, RECEIVED), head: { envelope: { reversePath }, receivedAt: RECEIVED }, recipients: [recipient] } as unknown as MessageView;
  return settlementOf(view, recipient, verdict, { now: RECEIVED + age, chance: random, delivery });
}

test('delivered owes a DSN only when NOTIFY asks for success', () => {
  expect(settled({ kind: 'delivered' }, {})).toEqual({ number: 3, attempt: 1, outcome: { kind: 'delivered' }, owesDsn: false });
  expect(settled({ kind: 'delivered' }, { more: { notify: ['success'] } }).owesDsn).toBe(true);
  expect(settled({ kind: 'delivered' }, { more: { notify: ['never'] } }).owesDsn).toBe(false);
});

test('an unknown account fails with 5.1.1 and a DSN, unless NOTIFY forbids it', () => {
  expect(settled(UNKNOWN, {})).toMatchObject({ outcome: { kind: 'failed', status: '5.1.1' }, owesDsn: true });
  expect(settled(UNKNOWN, { more: { notify: ['never'] } }).owesDsn).toBe(false);
});

test('over quota waits by the schedule, varied by up to 20 %, the last delay repeating', () => {
  const dueAfter = (attempts: number, random: number): number => (settled(OVER_QUOTA, { attempts, random }).next?.due ?? 0) - RECEIVED;
  expect(settled(OVER_QUOTA, {})).toMatchObject({ attempt: 1, outcome: { kind: 'delayed', scope: 'recipient', status: '4.2.2' }, owesDsn: false });
  expect(dueAfter(0, 0)).toBe(240_000);
  expect(dueAfter(0, 0.5)).toBe(300_000);
  expect(dueAfter(1, 0.5)).toBe(600_000);
  expect(dueAfter(50, 0.5)).toBe(14_400_000);
});

test('the last attempt falls on the expiry, and then the sender is told (RFC 5321 section 4.5.4.1)', () => {
  expect(settled(OVER_QUOTA, { age: 5 * DAY - 1000, attempts: 40 }).next?.due).toBe(RECEIVED + 5 * DAY);
  const given = settled(OVER_QUOTA, { age: 5 * DAY, attempts: 41 });
  expect(given).toMatchObject({ attempt: 42, outcome: { kind: 'failed', status: '4.4.7' }, owesDsn: true });
  expect(given.next).toBeUndefined();
});

test('the sender is warned of a long delay (RFC 3461 section 4.1)', () => {
  expect(settled(OVER_QUOTA, { age: DAY }).warn).toBe(true);
  expect(settled(OVER_QUOTA, { age: DAY, more: { warnedAt: RECEIVED } })).not.toHaveProperty('warn');
});

test('an account that is not there is no verdict: it is made and tried again', () => {
  expect(verdictOf({ kind: 'no-such-account' })).toBeNull();
  expect(verdictOf({ kind: 'stored', uid: 1, repeated: true })).toEqual({ kind: 'delivered' });
});
