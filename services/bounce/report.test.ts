import { expect, test } from 'vitest';
import type { Notify } from '#shared/mail/envelope.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { MessageHead, Recipient } from '#shared/spool/record.ts';
import { mayQuoteWhole, reported } from './report.ts';

const OUTCOMES = {
  failed: { kind: 'failed', status: '5.1.1', diagnostic: 'x' },
  delayed: { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'x' },
  delivered: { kind: 'delivered' },
  relayed: { kind: 'relayed', dsnHonoured: false },
  honoured: { kind: 'relayed', dsnHonoured: true },
} as const satisfies Record<string, Outcome>;

function recipient(last: Outcome | undefined, notify?: readonly Notify[]): Recipient {
  const base = {
    number: 0,
    address: 'b@c.example',
    of: 0,
    transport: 'dns',
    domain: 'c.example',
    rule: '*',
    state: 'owed',
    mailbox: 'bounce',
    attempts: 1,
  } as const;
  return { ...base, ...(last ? { last } : {}), ...(notify ? { notify } : {}) };
}

test.each([
  [undefined, ['failed', 'delayed']],
  [['never'], []],
  [['failure'], ['failed']],
  [['success'], ['delivered', 'relayed']],
  [['delay'], ['delayed']],
  [
    ['success', 'failure', 'delay'],
    ['failed', 'delayed', 'delivered', 'relayed'],
  ],
] as [Notify[] | undefined, string[]][])('NOTIFY=%j: told of %j (RFC 3461 section 4.1)', (notify, told) => {
  const names = Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[];
  expect(names.filter((name) => reported(recipient(OUTCOMES[name], notify)) !== null)).toEqual(told);
});

test('nothing is told without an outcome', () => expect(reported(recipient(undefined))).toBeNull());

test.each([
  [undefined, 'failed', true],
  ['full', 'failed', true],
  ['hdrs', 'failed', false],
  ['full', 'delivered', false],
  [undefined, 'delayed', false],
] as const)('RET=%s and %s: whole %s (RFC 3461 section 4.3)', (ret, kind, whole) => {
  const head = { envelope: ret ? { ret } : {} } as MessageHead;
  const one = recipient(OUTCOMES[kind]);
  expect(mayQuoteWhole(head, [{ recipient: one, outcome: OUTCOMES[kind], action: kind }])).toBe(whole);
});
