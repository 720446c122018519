// A trace as people read it, line by line.
import { expect, test } from 'vitest';
import type { TracedMessage } from '#shared/protocol/admin-api.ts';
import type { AttemptedDetail } from '#shared/protocol/attempted-detail.ts';
import { plain, size, span, table } from './terminal.ts';
import { timeline } from './timeline.ts';

const AT = Date.UTC(2026, 10, 21, 12);
const delayed: AttemptedDetail = {
  site: 'mx.example.net',
  host: 'mx.example.net',
  address: '192.0.2.9',
  tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: true },
  ms: 12,
  passedOver: ['mx0.example.net[192.0.2.8] said: 421 busy (in reply to the connection)'],
  results: [{ kind: 'delayed', status: '4.7.1', diagnostic: 'mx.example.net said 451 4.7.1 later', due: AT + 1000, recipients: [0] }],
};
const refused: AttemptedDetail = {
  site: 'mx.example.net',
  results: [{ kind: 'delayed', status: '4.4.1', diagnostic: 'could not connect', due: AT + 60_000, siteRefuses: true, recipients: [0] }],
};
const mixed: AttemptedDetail = {
  site: 'mx.example.net',
  host: 'mx.example.net',
  address: '192.0.2.9',
  ms: 1500,
  results: [
    { kind: 'relayed', reply: '250 2.0.0 Ok', recipients: [0] },
    { kind: 'failed', status: '5.1.1', diagnostic: 'mx.example.net said 550 5.1.1 unknown', recipients: [7] },
  ],
};
const message: TracedMessage = {
  id: '00000000000000000000000AA',
  at: AT,
  sender: 'alice@example.org',
  messageId: 'm@example.org',
  parent: null,
  deadLetters: [],
  now: null,
  events: [
    {
      at: AT,
      kind: 'received',
      detail: {
        size: 4200,
        to: ['bob@example.net'],
        origin: { kind: 'smtp', client: '192.0.2.1', helo: 'c.example', tls: 'TLSv1.3', user: 'alice@example.org' },
      },
    },
    { at: AT + 4, kind: 'routed', detail: { recipients: [{ number: 0, address: 'bob@example.net', rule: '*', to: 'example.net' }] } },
    { at: AT + 5, kind: 'routed', detail: { rule: '*', to: 'example.net', recipients: [{ number: 1, address: 'carol@example.net' }] } },
    { at: AT + 6, kind: 'routed', detail: { recipients: [{ number: 2, address: 'dan@example.org', rule: 'hops', to: 'bounce', why: '5.4.6 Routing loop' }] } },
    { at: AT + 9, kind: 'resolved', detail: { domain: 'example.net', to: 'dns/mx.example.net#0', recipients: [0], hosts: ['10 mx.example.net'] } },
    { at: AT + 20, kind: 'attempted', detail: { ...delayed } },
    { at: AT + 25, kind: 'attempted', detail: { ...refused } },
    {
      at: AT + 30,
      kind: 'attempted',
      detail: { site: 'mx.example.net', results: [{ kind: 'failed', status: '5.4.4', diagnostic: 'no host', recipients: [0, 1] }] },
    },
    { at: AT + 35, kind: 'attempted', detail: { ...mixed } },
    { at: AT + 40, kind: 'delivered', detail: { recipient: 0, address: 'bob@example.net', account: 'bob@example.net', mailbox: 'INBOX', uid: 3 } },
    { at: AT + 41, kind: 'delayed', detail: { address: 'eve@example.net', status: '4.2.2', diagnostic: 'full', due: AT + 1000 } },
    { at: AT + 50, kind: 'dsn', detail: { dsn: 'DSNID', to: 'alice@example.org', actions: ['failed'], recipients: [0] } },
    { at: AT + 51, kind: 'held', detail: {} },
    { at: AT + 52, kind: 'somethingnew', detail: { a: 1 } },
  ],
};

test('each event is a line that says who, where and what was answered', () => {
  expect(timeline(message, AT)).toEqual([
    '00000000000000000000000AA  from <alice@example.org>  Message-ID <m@example.org>',
    '  2026-11-21 12:00:00.000  received    4.1 KB from 192.0.2.1 (HELO c.example, TLSv1.3, as alice@example.org) to bob@example.net',
    '  2026-11-21 12:00:00.004  routed      bob@example.net by rule * to example.net',
    '  2026-11-21 12:00:00.005  routed      carol@example.net by rule * to example.net',
    '  2026-11-21 12:00:00.006  routed      dan@example.org by rule hops to bounce: failed, 5.4.6 Routing loop',
    '  2026-11-21 12:00:00.009  resolved    example.net is dns/mx.example.net#0: 10 mx.example.net',
    '  2026-11-21 12:00:00.020  attempted   passed over: mx0.example.net[192.0.2.8] said: 421 busy (in reply to the connection)',
    '  2026-11-21 12:00:00.020  attempted   mx.example.net [192.0.2.9], TLSv1.3, verified, 12 ms: delayed for bob@example.net: ' +
      '4.7.1 mx.example.net said 451 4.7.1 later; next attempt 2026-11-21 12:00:01.000',
    '  2026-11-21 12:00:00.025  attempted   no host of mx.example.net: delayed for bob@example.net: 4.4.1 could not connect; ' +
      'next attempt when its site is tried again, at 2026-11-21 12:01:00.000',
    '  2026-11-21 12:00:00.030  attempted   no host of mx.example.net: failed for bob@example.net, carol@example.net: 5.4.4 no host',
    '  2026-11-21 12:00:00.035  attempted   mx.example.net [192.0.2.9], no TLS, 1.5 s: relayed for bob@example.net: "250 2.0.0 Ok"',
    '  2026-11-21 12:00:00.035  attempted   mx.example.net [192.0.2.9], no TLS, 1.5 s: failed for recipient 7: 5.1.1 mx.example.net said 550 5.1.1 unknown',
    '  2026-11-21 12:00:00.040  delivered   bob@example.net in INBOX, UID 3',
    '  2026-11-21 12:00:00.041  delayed     eve@example.net: 4.2.2 full; next attempt 2026-11-21 12:00:01.000',
    '  2026-11-21 12:00:00.050  dsn         failed: alice@example.org is told, DSN DSNID',
    '  2026-11-21 12:00:00.051  held        by the operator',
    '  2026-11-21 12:00:00.052  somethingnew  {"a":1}',
    '  now: done',
  ]);
});

test('a message that waits says where, until when and why', () => {
  const base = {
    number: 0,
    address: 'bob@example.net',
    original: 'bob@example.net',
    transport: 'dns',
    domain: 'example.net',
    rule: '*',
    mailbox: 'remote-delivery:dns/mx#0',
  };
  const last = { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'connection refused' } as const;
  const recipients = [
    { ...base, state: 'queued', attempts: 2, last, due: AT - 5000, circuitUntil: AT + 90_000 } as const,
    { ...base, state: 'queued', attempts: 1, due: null } as const,
    { ...base, state: 'owed', attempts: 1 } as const,
    { ...base, state: 'done', attempts: 1 } as const,
  ];
  const now = { id: message.id, state: 'deferred', receivedAt: AT, sender: '', envelopeRecipients: [], size: 1, tier: 'hot', recipients } as const;
  expect(timeline({ ...message, events: [], sender: '', messageId: null, parent: 'PARENT', now }, AT)).toEqual([
    '00000000000000000000000AA  from <>  DSN about PARENT',
    '  now: deferred',
    '    bob@example.net: waits at remote-delivery:dns/mx#0, due for 5.0 s, its site is left alone for 1 min, 2 attempts so far; last: 4.4.1 connection refused',
    '    bob@example.net: waits at remote-delivery:dns/mx#0, in hand, 1 attempt so far',
    '    bob@example.net: a DSN is owed, 1 attempt so far',
  ]);
});

test('what a stranger wrote moves no cursor, makes no line and hides nothing', () => {
  expect(plain('250 ok\r\n\u001b[2Jx\u009b\u202e\u2028\u200b end')).toBe('250 ok\\u{d}\\u{a}\\u{1b}[2Jx\\u{9b}\\u{202e}\\u{2028}\\u{200b} end');
  expect(plain('größe 日本')).toBe('größe 日本');
});

test('sizes and spans are round, tables straight', () => {
  expect([0, 1023, 1024, 10_240, 5_000_000_000].map(size)).toEqual(['0 B', '1023 B', '1.0 KB', '10 KB', '4.7 GB']);
  expect([5, 1500, 59_000, 3_599_000, 5_400_000, 180_000_000].map(span)).toEqual(['5 ms', '1.5 s', '59 s', '59 min', '1 h 30 min', '2 d 2 h']);
  expect(
    table([
      ['A', 'BB'],
      ['long', 'x'],
    ]),
  ).toEqual(['A     BB', 'long  x']);
});
