// What is written for each outcome: due times, expiry, owed DSNs.
import { describe, expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import type { Notify } from '#shared/mail/envelope.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView } from '#shared/spool/spool.ts';
import { settlementOf } from './settlements.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const { delivery } = schema.parse({});

function settle(
  outcome: Outcome,
  {
    notify,
    age = 0,
    attempts = 0,
    reversePath = 'a@example.org',
    givenUp = false,
  }: { notify?: readonly Notify[]; age?: number; attempts?: number; reversePath?: string; givenUp?: boolean } = {},
) {
  const recipient: Recipient = {
    number: 3,
    address: 'b@example.net',
    of: 0,
    transport: 'dns',
    domain: 'example.net',
    rule: '*',
    state: 'queued',
    mailbox: 'm',
    attempts,
    ...(notify && { notify }),
  };
  const envelope = { reversePath, recipients: [], body: '7bit', smtputf8: false } as const;
  const head = { version: 1, envelope, origin: { kind: 'smtp', client: '', helo: '' }, size: 1, receivedAt: NOW - age, hops: 0 } as const;
  const id = newQueueId(0, NOW);
  const view: MessageView = {
    id,
    work: { id, recipients: [3] },
    mailbox: { role: 'remote-delivery', key: 'k' },
    head,
    place: { tier: 'hot' },
    open: 1,
    recipients: [recipient],
  };
  return settlementOf(view, { recipient, outcome }, { now: NOW, delivery, chance: 0.5, givenUp });
}

const delayed = (scope: 'site' | 'recipient'): Outcome => ({ kind: 'delayed', scope, status: '4.2.0', diagnostic: 'Later', host: 'mx' });

describe('a delay', () => {
  test('of the recipient follows the schedule', () => {
    expect([0, 1, 50].map((attempts) => (settle(delayed('recipient'), { attempts }).next?.due ?? 0) - NOW)).toEqual([300_000, 600_000, 14_400_000]);
  });

  test('of the site leaves it due: the circuit decides', () => {
    expect(settle(delayed('site'), { attempts: 7 })).toMatchObject({ number: 3, attempt: 8, next: { due: NOW }, owesDsn: false });
  });

  test('that was our own doing costs no time', () => {
    expect(settle(delayed('recipient'), { givenUp: true }).next?.due).toBe(NOW);
  });

  test.each(['site', 'recipient'] as const)('of the %s past its age is a failure with what was seen last', (scope) => {
    const settlement = settle(delayed(scope), { age: 5 * DAY });
    expect(settlement).toMatchObject({ owesDsn: true, outcome: { kind: 'failed', status: '4.4.7', host: 'mx', diagnostic: expect.stringContaining('Later') } });
    expect(settlement).not.toHaveProperty('next');
    expect(settle(delayed(scope), { age: 5 * DAY - 1 }).outcome.kind).toBe('delayed');
  });
});

test.each(['site', 'recipient'] as const)('a long delay of the %s is told to the sender once (RFC 3461 section 4.1)', (scope) => {
  expect(settle(delayed(scope), { age: DAY }).warn).toBe(true);
  expect(settle(delayed(scope), { age: DAY, notify: ['failure'] })).not.toHaveProperty('warn');
  expect(settle(delayed(scope), { age: DAY, reversePath: '' })).not.toHaveProperty('warn');
  expect(settle(delayed(scope), { age: 60_000 })).not.toHaveProperty('warn');
});

describe('a DSN is owed (RFC 3461 section 5.2)', () => {
  const failed: Outcome = { kind: 'failed', status: '5.1.1', diagnostic: 'x' };
  const relayed = (dsnHonoured: boolean): Outcome => ({ kind: 'relayed', dsnHonoured });
  const cases: readonly (readonly [Outcome, readonly Notify[] | undefined, boolean])[] = [
    [failed, undefined, true],
    [failed, ['failure'], true],
    [failed, ['success'], false],
    [failed, ['never'], false],
    [relayed(true), ['success'], false],
    [relayed(false), ['success'], true],
    [relayed(false), undefined, false],
    [relayed(false), ['failure'], false],
  ];
  test.each(cases)('%j with NOTIFY %j: %s', (outcome, notify, owes) => {
    expect(settle(outcome, notify ? { notify } : {}).owesDsn).toBe(owes);
  });
});
