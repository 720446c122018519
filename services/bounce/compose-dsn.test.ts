import { isAscii } from 'node:buffer';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import type { Envelope } from '#shared/mail/envelope.ts';
import { endOfHeader, headerFields } from '#shared/mail/header.ts';
import { anyText } from '#shared/mail/testing/any-text.ts';
import type { Failed, Outcome } from '#shared/smtp/outcome.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import { composeDsn, type Dsn } from './compose-dsn.ts';
import type { Report, ReportedRecipient } from './report.ts';

const NOW = Date.UTC(2026, 10, 21, 23, 13, 0);
const ORIGINAL = Buffer.from('Received: from a.example\r\nSubject: Hello\r\nMessage-ID: <1@a.example>\r\n\r\nThe body.\r\n');
const REFUSED: Failed = {
  kind: 'failed',
  status: '5.1.1',
  diagnostic: 'refused',
  host: 'mx.example.net',
  address: '192.0.2.1',
  reply: { code: 550, enhanced: '5.1.1', lines: ['No such user', 'here'] },
};

function recipient(outcome: Outcome, change: Partial<Recipient> = {}): ReportedRecipient {
  const base = {
    number: 0,
    address: 'bob@example.net',
    of: 0,
    transport: 'dns',
    domain: 'example.net',
    rule: '*',
    state: 'owed',
    mailbox: 'bounce',
    attempts: 1,
  } as const;
  const attempted = change.attempts === 0 ? {} : { lastAttemptAt: NOW - 1000 };
  return { recipient: { ...base, ...attempted, ...change, last: outcome }, outcome, action: outcome.kind };
}

function report(change: Partial<Omit<Report, 'head'>> = {}, envelope: Partial<Envelope> = {}): Report {
  const head = {
    version: 1,
    envelope: { reversePath: 'alice@example.org', recipients: [{ address: 'bob@example.net' }], body: '7bit', smtputf8: false, ...envelope } as const,
    origin: { kind: 'smtp', client: '192.0.2.9', helo: 'client.example' } as const,
    size: ORIGINAL.length,
    receivedAt: NOW - 5000,
    messageId: '<1@a.example>',
    hops: 1,
  };
  const ids = { id: newQueueId(0, NOW), parent: newQueueId(0, NOW - 5000) };
  return {
    ...ids,
    head,
    to: head.envelope.reversePath,
    recipients: [recipient(REFUSED)],
    quote: { content: ORIGINAL, whole: true },
    hostname: 'mx.example.org',
    receivedAt: NOW - 5000,
    now: NOW,
    ...change,
  };
}

interface Read {
  header: Map<string, string>;
  parts: { type: string; encoding: string; content: Buffer }[];
  message: Map<string, string>;
  recipients: Map<string, string>[];
}

const fields = (block: Buffer) => new Map([...headerFields(block)].map(({ name, value }) => [name.toLowerCase(), value]));

/** Reads a DSN back by its structure alone. */
function read({ content }: Dsn): Read {
  const end = endOfHeader(content);
  const header = fields(content.subarray(0, end));
  const boundary = /boundary="([^"]+)"/.exec(header.get('content-type') ?? '')?.[1] ?? '';
  const pieces = content.toString('latin1', end).split(`--${boundary}`);
  expect(pieces.at(-1)).toBe('--\r\n');
  const parts = pieces.slice(1, -1).map((piece) => {
    const part = Buffer.from(piece.slice(2, -2), 'latin1');
    const inner = fields(part.subarray(0, endOfHeader(part)));
    return { type: inner.get('content-type') ?? '', encoding: inner.get('content-transfer-encoding') ?? '', content: part.subarray(endOfHeader(part)) };
  });
  const [message = new Map(), ...recipients] = (parts[1]?.content.toString() ?? '')
    .split('\r\n\r\n')
    .filter((block) => block.trim() !== '')
    .map((block) => fields(Buffer.from(block)));
  return { header, parts, message, recipients };
}

test('a failure: envelope, header, three parts and their fields (RFC 6522 section 3, RFC 3464 section 2, RFC 3834 section 5)', async () => {
  const given = report({ recipients: [recipient(REFUSED, { orcpt: 'rfc822;Bob+x@example.net' })] }, { envid: 'QQ 314159' });
  const dsn = await composeDsn(given);
  expect(dsn.message).toMatchObject({
    id: given.id,
    envelope: { reversePath: '', recipients: [{ address: 'alice@example.org' }], body: '7bit', smtputf8: false },
    origin: { kind: 'dsn', parent: given.parent },
    hops: 0,
    receivedAt: NOW,
    reserve: true,
  });
  const { header, parts, message, recipients } = read(dsn);
  expect(Object.fromEntries(header)).toMatchObject({
    from: 'Mail Delivery System <postmaster@mx.example.org>',
    to: 'alice@example.org',
    subject: 'Undelivered mail returned to sender',
    date: 'Sat, 21 Nov 2026 23:13:00 +0000',
    'message-id': `<${given.id}@mx.example.org>`,
    'in-reply-to': '<1@a.example>',
    'auto-submitted': 'auto-replied',
    'mime-version': '1.0',
    'content-type': expect.stringMatching(/^multipart\/report; report-type=delivery-status; boundary=/),
  });
  expect(parts.map(({ type }) => type)).toEqual(['text/plain; charset=us-ascii', 'message/delivery-status', 'message/rfc822']);
  expect(Object.fromEntries(message)).toEqual({
    'original-envelope-id': 'QQ 314159',
    'reporting-mta': 'dns; mx.example.org',
    'x-stafette-queue-id': given.parent,
    'arrival-date': 'Sat, 21 Nov 2026 23:12:55 +0000',
  });
  expect(recipients.map((each) => Object.fromEntries(each))).toEqual([
    {
      'original-recipient': 'rfc822; Bob+x@example.net',
      'final-recipient': 'rfc822; bob@example.net',
      action: 'failed',
      status: '5.1.1',
      'remote-mta': 'dns; mx.example.net',
      'diagnostic-code': 'smtp; 550 5.1.1 No such user here',
      'last-attempt-date': 'Sat, 21 Nov 2026 23:12:59 +0000',
    },
  ]);
  expect(parts[2]?.content.equals(ORIGINAL)).toBe(true);
  const words = parts[0]?.content.toString() ?? '';
  expect(words).toMatch(/<bob@example\.net>: host mx\.example\.net \[192\.0\.2\.1\] said: 550 5\.1\.1 No/);
  expect(words).toContain(given.parent);
});

test('another reader sees the same (postal-mime)', async () => {
  const mail = await PostalMime.parse((await composeDsn(report())).content, { forceRfc822Attachments: true });
  expect(mail.from?.address).toBe('postmaster@mx.example.org');
  expect(mail.to?.[0]?.address).toBe('alice@example.org');
  expect(mail.text).toContain('could not be delivered');
  expect(mail.attachments.map(({ mimeType }) => mimeType)).toEqual(['message/delivery-status', 'message/rfc822']);
});

test('what became of each recipient (RFC 3464 section 2.3.3, RFC 3463 section 2)', async () => {
  const retryUntil = NOW + 86_400_000;
  const recipients = [
    recipient({ kind: 'delivered', host: 'mx.example.org' }),
    recipient({ kind: 'relayed', dsnHonoured: false, host: 'mx.example.net', reply: { code: 250, enhanced: '2.1.5', lines: ['Ok'] } }),
    { ...recipient({ kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'connection refused', host: 'mx.example.net' }), retryUntil },
    recipient({ kind: 'failed', status: '5.1.2', diagnostic: 'no such domain' }, { attempts: 0, address: 'carol@example.com' }),
    recipient({ kind: 'failed', status: '2.1.5', diagnostic: 'a server that contradicts itself' }),
    { ...recipient({ kind: 'relayed', dsnHonoured: true }), action: 'expanded' as const },
  ];
  const { recipients: read_, parts, header } = read(await composeDsn(report({ recipients })));
  const column = (name: string) => read_.map((each) => each.get(name));
  expect(column('action')).toEqual(['delivered', 'relayed', 'delayed', 'failed', 'failed', 'expanded']);
  expect(parts[0]?.content.toString()).toContain('<bob@example.net>: passed to its members');
  expect(column('status')).toEqual(['2.0.0', '2.1.5', '4.4.1', '5.1.2', '5.0.0', '2.0.0']);
  expect(column('remote-mta')).toEqual([undefined, 'dns; mx.example.net', 'dns; mx.example.net', undefined, undefined, undefined]);
  expect(column('diagnostic-code')[2]).toBe('X-Stafette; connection refused');
  expect(column('will-retry-until')[2]).toBe('Sun, 22 Nov 2026 23:13:00 +0000');
  expect(column('last-attempt-date')[3]).toBeUndefined();
  expect(header.get('subject')).toBe('Undelivered mail returned to sender');
  expect(parts[0]?.content.toString()).toContain('<carol@example.com> (you wrote to <bob@example.net>): no such domain');
});

test('a header alone, and nothing', async () => {
  const content = Buffer.from('Subject: Hello\r\n');
  const [, , part] = read(await composeDsn(report({ quote: { content, whole: false } }))).parts;
  expect(part).toEqual({ type: 'text/rfc822-headers', encoding: '7bit', content });
  const { parts } = read(await composeDsn(report({ quote: null })));
  expect(parts).toHaveLength(2);
  expect(parts[0]?.content.toString()).toContain('no longer at hand');
});

test('eight-bit content makes the DSN 8BITMIME, and nothing else does', async () => {
  const content = Buffer.from('Subject: x\r\n\r\nGrüße\r\n');
  const dsn = await composeDsn(report({ quote: { content, whole: true } }));
  expect(dsn.message.envelope).toMatchObject({ body: '8bitmime', smtputf8: false });
  expect(read(dsn).header.get('content-transfer-encoding')).toBe('8bit');
  expect(read(dsn).parts.map(({ type, encoding }) => [type, encoding])).toEqual([
    ['text/plain; charset=us-ascii', '7bit'],
    ['message/delivery-status', '7bit'],
    ['message/rfc822', '8bit'],
  ]);
});

test('a reply beyond US-ASCII keeps its characters in the explanation, in seven bits', async () => {
  const reply = { code: 550, enhanced: '5.1.1', lines: ['Empfänger unbekannt = 不明'] };
  const dsn = await composeDsn(report({ recipients: [recipient({ ...REFUSED, reply })] }));
  expect(isAscii(dsn.content)).toBe(true);
  expect(dsn.message.envelope.body).toBe('7bit');
  expect((await PostalMime.parse(dsn.content)).text).toMatch(/said: 550 5\.1\.1\s+Empfänger unbekannt = 不明/);
});

test('a DSN about a DSN: the parts of one are not those of the other', async () => {
  const { content } = await composeDsn(report());
  const { parts } = read(await composeDsn(report({ quote: { content, whole: true } })));
  expect(parts).toHaveLength(3);
  expect(parts[2]?.content.equals(content)).toBe(true);
});

test('property: what is quoted comes back byte by byte', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.boolean(), async (bytes, whole, smtputf8) => {
      const content = Buffer.from(bytes);
      const dsn = await composeDsn(report({ quote: { content, whole } }, { smtputf8 }));
      expect(read(dsn).parts[2]?.content.equals(content)).toBe(true);
      expect(read(dsn).parts[2]?.encoding).toBe(isAscii(content) ? '7bit' : '8bit');
    }),
    { numRuns: 200 },
  );
});

test.each([
  ['alice+tag@example.org'],
  ['"a, eve@example.com"@example.org'],
  ['"a b"@[192.0.2.1]'],
  ['älice@bücher.example'],
  ['alice@bücher.example', 'alice@xn--bcher-kva.example'],
])('To is the one address %s', async (to, written = to) => {
  const dsn = await composeDsn(report({ to }, { smtputf8: true }));
  expect(dsn.message.envelope.recipients).toEqual([{ address: to }]);
  expect((await PostalMime.parse(dsn.content)).to?.map(({ address }) => address)).toEqual([written]);
});

describe('internationalised mail (RFC 6533 section 4)', () => {
  test('a recipient and a sender beyond US-ASCII', async () => {
    const content = Buffer.from('Subject: Grüße\r\n\r\nx\r\n');
    const recipients = [recipient(REFUSED, { address: 'dörte@bücher.example', orcpt: 'utf-8;dörte@bücher.example' })];
    const dsn = await composeDsn(
      report({ to: 'älice@example.org', recipients, quote: { content, whole: true } }, { smtputf8: true, reversePath: 'älice@example.org' }),
    );
    expect(dsn.message.envelope).toMatchObject({ smtputf8: true, body: '8bitmime' });
    const { parts, recipients: blocks, header } = read(dsn);
    expect(header.get('to')).toBe('älice@example.org');
    expect(parts.map(({ type }) => type)).toEqual(['text/plain; charset=utf-8', 'message/global-delivery-status', 'message/global']);
    expect(blocks[0]?.get('final-recipient')).toBe('utf-8; dörte@bücher.example');
    expect(blocks[0]?.get('original-recipient')).toBe('utf-8; dörte@bücher.example');
    const headerAlone = await composeDsn(report({ recipients, quote: { content: Buffer.from('Subject: Grüße\r\n'), whole: false } }, { smtputf8: true }));
    expect(read(headerAlone).parts[2]?.type).toBe('message/global-headers');
    expect(headerAlone.message.envelope.smtputf8).toBe(false);
  });

  test('a domain of U-labels alone needs none of it', async () => {
    const dsn = await composeDsn(report({ recipients: [recipient(REFUSED, { address: 'bob@bücher.example' })] }));
    expect(read(dsn).parts[1]?.type).toBe('message/delivery-status');
    expect(read(dsn).recipients[0]?.get('final-recipient')).toBe('rfc822; bob@xn--bcher-kva.example');
  });

  test('an ORCPT of type utf-8 in US-ASCII is written in utf-8-addr-xtext', async () => {
    const dsn = await composeDsn(report({ recipients: [recipient(REFUSED, { orcpt: 'utf-8;a+b=c@example.net' })] }));
    expect(read(dsn).recipients[0]?.get('original-recipient')).toBe('utf-8; a\\x{2B}b\\x{3D}c@example.net');
  });
});

test('about a message without a reverse-path, to the postmaster', async () => {
  const dsn = await composeDsn(report({ to: 'postmaster' }, { reversePath: '' }));
  expect(dsn.message.envelope.recipients).toEqual([{ address: 'postmaster' }]);
  expect(read(dsn).header.get('to')).toBe('Postmaster <postmaster@mx.example.org>');
  expect(read(dsn).header.get('subject')).toBe('Undelivered mail without a return address');
});

test('a Message-ID that is none makes no thread', async () => {
  const given = report();
  for (const messageId of ['<a b@c>', 'x', '<a>\r\nBcc: <b>', '<ä@b>']) {
    const { header } = read(await composeDsn({ ...given, head: { ...given.head, messageId } }));
    expect(header.has('in-reply-to')).toBe(false);
    expect(header.has('bcc')).toBe(false);
  }
});

describe('property: no text makes a line', () => {
  const NAMES = new Set([
    'original-envelope-id',
    'reporting-mta',
    'x-stafette-queue-id',
    'arrival-date',
    'original-recipient',
    'final-recipient',
    'action',
    'status',
    'remote-mta',
    'diagnostic-code',
    'last-attempt-date',
  ]);
  const hostile = fc.oneof(
    anyText(60),
    fc.constantFrom(
      'a\r\nBcc: eve@example.com',
      'a\r\n\r\n--boundary',
      'a\n\nFinal-Recipient: rfc822; eve',
      'a\0\u0085b\u2028Action: delivered',
      `${'a'.repeat(3000)}\r\nX: y`,
      ' \r\n \r\n ',
    ),
  );
  test('in diagnostics, replies, hosts, addresses, ENVID and ORCPT', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 8, maxLength: 8 }), fc.boolean(), async (texts, replied) => {
        const [address = '', diagnostic = '', host = '', ip = '', line = '', envid = '', orcpt = '', to = ''] = texts;
        const failed: Failed = {
          kind: 'failed',
          status: diagnostic,
          diagnostic,
          host,
          address: ip,
          ...(replied ? { reply: { code: 550, enhanced: line, lines: [line, diagnostic] } } : {}),
        };
        const recipients = [recipient(failed, { address, orcpt: `rfc822;${orcpt}` }), recipient(failed, { address: 'carol@example.com' })];
        // No reverse-path is empty or longer than MAX_LOCAL_PART and MAX_DOMAIN allow.
        const dsn = await composeDsn(report({ recipients, to: `a${to.slice(0, 300)}` }, { envid, recipients: [{ address: line }] }));
        const { header, parts, message, recipients: blocks } = read(dsn);
        expect([...header.keys()]).toEqual([
          'from',
          'to',
          'subject',
          'date',
          'message-id',
          'in-reply-to',
          'references',
          'auto-submitted',
          'mime-version',
          'content-transfer-encoding',
          'content-type',
        ]);
        expect(parts).toHaveLength(3);
        expect(blocks).toHaveLength(2);
        for (const block of [message, ...blocks]) for (const name of block.keys()) expect(NAMES.has(name)).toBe(true);
        for (const text of dsn.content.toString().split('\r\n')) {
          expect(text).not.toMatch(/[\r\n\0]/);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(998);
        }
      }),
      { numRuns: 100 },
    );
  });
});
