import { describe, expect, test } from 'vitest';
import type { Envelope } from '#shared/mail/envelope.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Origin, Recipient } from '#shared/spool/record.ts';
import type { MessageView } from '#shared/spool/spool.ts';
import { noticesOf } from './bounce-actor.ts';

const FAILED: Outcome = { kind: 'failed', status: '5.1.1', diagnostic: 'x' };
const DELIVERED: Outcome = { kind: 'delivered' };
const PARENT = newQueueId(0, 0);

function recipients(...changes: Partial<Recipient>[]): Recipient[] {
  const base = {
    address: 'b@c.example',
    of: 0,
    transport: 'dns',
    domain: 'c.example',
    rule: '*',
    state: 'owed',
    mailbox: 'bounce',
    attempts: 1,
    last: FAILED,
  } as const;
  return changes.map((change, number) => ({ ...base, number, ...change }));
}

function view(given: Recipient[], envelope: Partial<Envelope> = {}, origin: Origin = { kind: 'dsn', parent: PARENT }): MessageView {
  const full = { reversePath: 'alice@example.org', recipients: [{ address: 'b@c.example' }], body: '7bit', smtputf8: false, ...envelope } as const;
  const head = { version: 1, envelope: full, origin, size: 1, receivedAt: 0, hops: 0 };
  const work = { id: PARENT, recipients: given.map(({ number }) => number) };
  return { id: PARENT, work, mailbox: { role: 'bounce' }, head, place: { tier: 'hot' }, open: given.length, recipients: given };
}

const summary = (given: MessageView) =>
  noticesOf(given).map(({ to, recipients: closed, told }) => [to, closed.map(({ number }) => number), told.map(({ action }) => action)]);

describe('who is told', () => {
  test('one sender of all, whatever became of them', () => {
    const given = recipients({}, { last: DELIVERED, notify: ['success'] }, { last: DELIVERED, notify: ['success'], attempts: 0 });
    expect(summary(view(given))).toEqual([['alice@example.org', [0, 1, 2], ['failed', 'delivered', 'expanded']]]);
  });

  test('each reverse-path of its own', () => {
    const given = recipients({}, { reversePath: 'owner-list@example.org' }, {});
    expect(summary(view(given))).toEqual([
      ['alice@example.org', [0, 2], ['failed', 'failed']],
      ['owner-list@example.org', [1], ['failed']],
    ]);
  });

  test('nobody who did not ask; the recipients are closed all the same', () => {
    const given = recipients({ notify: ['never'] }, { notify: ['delay'] }, { last: DELIVERED });
    expect(summary(view(given))).toEqual([[null, [0, 1, 2], []]]);
  });

  test('at most 500 recipients in one DSN', () => {
    const given = recipients(...Array.from({ length: 1001 }, () => ({})));
    expect(noticesOf(view(given)).map(({ told }) => told.length)).toEqual([500, 500, 1]);
  });
});

describe('a null reverse-path (RFC 5321 section 6.1)', () => {
  const client: Origin = { kind: 'smtp', client: '192.0.2.1', helo: 'x' };

  test('sends its failures to the postmaster, and nothing else', () => {
    const given = recipients({}, { last: DELIVERED, notify: ['success'] }, { notify: ['never'] });
    expect(summary(view(given, { reversePath: '' }))).toEqual([
      ['postmaster', [0], ['failed']],
      [null, [1, 2], ['delivered']],
    ]);
  });

  test('of a report to the postmaster ends there', () => {
    expect(summary(view(recipients({}), { reversePath: '', recipients: [{ address: 'postmaster' }] }))).toEqual([[null, [0], ['failed']]]);
  });

  test('to the postmaster from elsewhere is told once', () => {
    expect(summary(view(recipients({}), { reversePath: '', recipients: [{ address: 'postmaster' }] }, client))).toEqual([['postmaster', [0], ['failed']]]);
  });

  test('of a list is one too', () => {
    expect(summary(view(recipients({ reversePath: '' }), {}, client))).toEqual([['postmaster', [0], ['failed']]]);
  });
});
