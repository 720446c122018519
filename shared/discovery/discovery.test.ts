import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import { autoconfigAnswer, autoconfigXml } from './autoconfig.ts';
import { dnsRecords, zoneLines } from './dns-records.ts';

/** Anything that bytes can say. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('utf8'));

const parse = (input: ConfigInput = {}) =>
  schema.parse({
    hostname: 'mx.example.org',
    domains: { 'example.org': {}, 'bücher.example': {} },
    ingress: {
      listeners: [
        { port: 25, address: '0.0.0.0', tls: 'implicit' },
        { port: 2465, address: '0.0.0.0', kind: 'submission', tls: 'implicit' },
      ],
    },
    imap: { listeners: [{ port: 2993, address: '::', tls: 'implicit' }, { port: 2143 }] },
    pop3: { listeners: [] },
    ...input,
  });

describe('DNS records', () => {
  test('RFC 6186 and RFC 8314: a service that is there has its public port and place, any other the target "."', () => {
    const records = dnsRecords(parse({ clients: { hostname: 'mail.example.org', ports: { imaps: 10993 } } }), 'example.org', 'mx.example.org');
    expect(records.map(({ name, type, data }) => `${name} ${type} ${data}`)).toEqual([
      'example.org. MX 10 mx.example.org.',
      'example.org. TXT "v=spf1 mx ~all"',
      '_submissions._tcp.example.org. SRV 0 1 465 mail.example.org.',
      '_submission._tcp.example.org. SRV 0 0 0 .',
      '_imaps._tcp.example.org. SRV 0 1 10993 mail.example.org.',
      '_imap._tcp.example.org. SRV 10 1 143 mail.example.org.',
      '_pop3s._tcp.example.org. SRV 0 0 0 .',
      '_pop3._tcp.example.org. SRV 0 0 0 .',
      'autoconfig.example.org. CNAME mail.example.org.',
    ]);
    expect(records.filter(({ comment }) => comment?.includes('loopback')).map(({ name }) => name)).toEqual(['_imap._tcp.example.org.']);
  });

  test('domains are written as the DNS has them', () => {
    const names = dnsRecords(parse(), 'bücher.example', 'mx.example.org').map(({ name }) => name);
    expect(names[0]).toBe('xn--bcher-kva.example.');
    expect(names.at(-1)).toBe('autoconfig.xn--bcher-kva.example.');
  });

  test('mail that leaves by a smarthost needs more in RFC 7208 SPF than our own hosts', () => {
    const records = dnsRecords(parse({ routes: { '*': { transport: 'smarthost', host: 'smtp.example.net' } } }), 'example.org', 'mx.example.org');
    expect(records[1]?.comment).toContain('smarthost');
  });

  test('are lines of a zone file', () => {
    for (const line of zoneLines(dnsRecords(parse(), 'example.org', 'mx.example.org')))
      expect(line).toMatch(/^\S+\. +IN (?:MX {4}10 \S+\.|TXT {3}"[^"]*"|SRV {3}\d+ \d+ \d+ (?:\S+)?\.|CNAME \S+\.)(?: ; .*)?$/);
  });
});

describe('autoconfiguration', () => {
  test('lists incoming servers by preference, then outgoing ones', () => {
    expect(autoconfigXml(parse(), 'example.org')).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <displayName>example.org</displayName>
    <displayShortName>example.org</displayShortName>
    <incomingServer type="imap">
      <hostname>mx.example.org</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>mx.example.org</hostname>
      <port>143</port>
      <socketType>STARTTLS</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>mx.example.org</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>
  </emailProvider>
</clientConfig>
`);
  });

  test.each([
    ['/mail/config-v1.1.xml?emailaddress=alice%40example.org', undefined, 'example.org'],
    ['/mail/config-v1.1.xml?emailaddress=alice@EXAMPLE.org', 'other.example', 'example.org'],
    ['/mail/config-v1.1.xml?emailaddress=x@b%C3%BCcher.example', undefined, 'xn--bcher-kva.example'],
    ['/.well-known/autoconfig/mail/config-v1.1.xml', 'example.org', 'example.org'],
    ['/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=a@example.org', 'x', 'example.org'],
    ['/mail/config-v1.1.xml', 'autoconfig.Example.org:8080', 'example.org'],
    ['/mail/config-v1.1.xml?emailaddress=alice@other.example', 'example.org', null],
    ['/mail/config-v1.1.xml?emailaddress=', 'example.org', null],
    ['/mail/config-v1.1.xml', undefined, null],
    ['/mail/config-v1.1.xml/', 'example.org', undefined],
    ['/mail/../mail/config-v1.1.xml', 'example.org', undefined],
  ])('%s at %s is about %s', (target, host, domain) => {
    const answer = autoconfigAnswer(parse(), target, host);
    if (typeof domain === 'string') expect(answer).toContain(`<emailProvider id="${domain}">`);
    else expect(answer).toBe(domain);
  });

  test('nothing of a name can be more than text', () => {
    // The configuration takes no such names; this does not rely on it.
    const at = (hostname: string) => ({ ...parse(), clients: { ...parse().clients, hostname } });
    const xml = autoconfigXml(at('a"<b>&\u0000\''), 'example.org');
    expect(xml).toContain('<hostname>a&quot;&lt;b&gt;&amp;\uFFFD&#39;</hostname>');
    fc.assert(
      fc.property(text, (hostname) => {
        const shape = autoconfigXml(at(hostname), 'example.org').replace(/<hostname>[^<>"]*<\/hostname>/gs, '<hostname></hostname>');
        expect(shape).toBe(autoconfigXml(parse(), 'example.org').replace(/mx\.example\.org/g, ''));
      }),
      { numRuns: 200 },
    );
    fc.assert(fc.property(fc.string(), fc.string(), (target, host) => autoconfigAnswer(parse(), target, host) === undefined || target.includes('config-v1.1')));
  });
});
