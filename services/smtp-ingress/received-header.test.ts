import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanHeader } from '#shared/mail/header.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { receivedField, submissionFields, type TraceFacts } from './received-header.ts';

const FACTS: TraceFacts = {
  id: newQueueId(0, 0),
  hostname: 'mx.example.org',
  helo: { name: 'client.example.net', extended: true },
  client: '192.0.2.1',
  tls: null,
  authenticated: false,
  smtputf8: false,
  recipients: ['a@example.org'],
  receivedAt: Date.UTC(2026, 10, 21, 23, 13),
};
const TLS = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
const received = (facts: Partial<TraceFacts>) => receivedField({ ...FACTS, ...facts });

describe('Received', () => {
  test('has the clauses of RFC 5321 section 4.4 in their order', () => {
    expect(received({}).replace(/\r\n[ \t]+/g, ' ')).toBe(
      `Received: from client.example.net ([192.0.2.1]) by mx.example.org with ESMTP id ${FACTS.id} for <a@example.org>; Sat, 21 Nov 2026 23:13:00 +0000\r\n`,
    );
  });

  // RFC 3848 section 3 and RFC 6531 section 4.3.
  test.each([
    [{ helo: { name: 'x', extended: false } }, 'SMTP'],
    [{}, 'ESMTP'],
    [{ tls: TLS }, 'ESMTPS'],
    [{ authenticated: true }, 'ESMTPA'],
    [{ tls: TLS, authenticated: true }, 'ESMTPSA'],
    [{ smtputf8: true }, 'UTF8SMTP'],
    [{ smtputf8: true, tls: TLS, authenticated: true }, 'UTF8SMTPSA'],
  ])('%j is with %s', (facts, protocol) => {
    expect(received(facts)).toMatch(new RegExp(` with ${protocol}(?: \\(TLSv1\\.3 TLS_AES_256_GCM_SHA384\\))?\\s`));
  });

  test('names an IPv6 client as a literal', () => {
    expect(received({ client: '2001:db8::1' })).toContain('([IPv6:2001:db8::1])');
  });

  test('tells nobody of the other recipients', () => {
    expect(received({ recipients: ['a@example.org', 'b@example.org'] })).not.toContain('example.org>');
  });

  test('is one field, in ASCII without SMTPUTF8, whatever it is made of', () => {
    const text = fc.string({ unit: 'binary', maxLength: 100 });
    fc.assert(
      fc.property(text, text, text, fc.boolean(), (helo, hostname, recipient, smtputf8) => {
        const field = received({ helo: { name: helo, extended: true }, hostname, recipients: [recipient], smtputf8 });
        expect(field).toMatch(/^Received: [^\r\n\0]*(?:\r\n[ \t][^\r\n\0]*)*\r\n$/);
        expect(smtputf8 || /^[\r\n\t\x20-\x7e]*$/.test(field)).toBe(true);
        expect(scanHeader(Buffer.from(`${field}\r\n`)).received).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

test('RFC 6409 section 8: what a submitted message lacks is added, once', () => {
  const added = submissionFields(scanHeader(Buffer.from('Subject: x\r\n\r\n')), FACTS);
  expect(added).toBe(`Date: Sat, 21 Nov 2026 23:13:00 +0000\r\nMessage-ID: <${FACTS.id}@mx.example.org>\r\n`);
  expect(submissionFields(scanHeader(Buffer.from(`${added}\r\n`)), FACTS)).toBe('');
});
