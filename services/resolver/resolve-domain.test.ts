// RFC 5321 section 5.1 against a real name server: from a domain to its hosts, or to the reason why there are none.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Resolution } from '#shared/protocol/resolution.ts';
import { networks } from '#shared/session/networks.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { type NameServer, startNameServer } from '#shared/testing/name-server.ts';
import { addressPolicy } from './addresses.ts';
import { createDnsClient, type DnsClient } from './dns-client.ts';
import { MAX_ADDRESSES, MAX_HOSTS, type ResolveOptions, resolveDomain } from './resolve-domain.ts';

const NOW = 1_000_000;
const clock = { now: () => NOW, monotonic: systemClock.monotonic };

let server: NameServer;
let dns: DnsClient;

beforeEach(async () => {
  server = await startNameServer();
  dns = createDnsClient({ servers: [server], timeout: 3_000, tries: 1, clock });
});
afterEach(async () => {
  dns.close();
  await server.close();
});

function resolve(domain: string, options: Partial<ResolveOptions> = {}): Promise<Resolution> {
  const ours = networks('ours', ['203.0.113.1', '2001:db8:1::1']);
  return resolveDomain(domain, {
    dns,
    clock,
    hostname: 'relay.example.com',
    addresses: { ...addressPolicy, isOurs: ours.has },
    allowPrivate: false,
    minTtl: 30_000,
    maxTtl: 86_400_000,
    negativeTtl: 300_000,
    ...options,
  });
}

const mx = (...exchanges: readonly [number, string][]) => exchanges.map(([preference, exchange]) => ({ preference, exchange }));
const hosts = (resolution: Resolution) =>
  resolution.kind === 'hosts' ? resolution.hosts.map(({ preference, name, addresses }) => [preference, name, ...addresses]) : resolution;
const life = (resolution: Resolution) => (resolution.expiresAt - NOW) / 1000;

describe('hosts', () => {
  test('come by preference, each with its addresses of both families', async () => {
    server.set('example.org', 'MX', mx([20, 'b.example.org'], [10, 'C.example.org'], [10, 'a.example.org']));
    server.set('a.example.org', 'A', ['192.0.2.1', '192.0.2.2']);
    server.set('a.example.org', 'AAAA', ['2001:db8::1', '2001:db8::2', '2001:db8::3']);
    server.set('b.example.org', 'AAAA', ['2001:db8::b']);
    server.set('c.example.org', 'A', ['192.0.2.3']);
    expect(hosts(await resolve('example.org'))).toEqual([
      [10, 'a.example.org', '192.0.2.1', '2001:db8::1', '192.0.2.2', '2001:db8::2', '2001:db8::3'],
      [10, 'c.example.org', '192.0.2.3'],
      [20, 'b.example.org', '2001:db8::b'],
    ]);
  });

  test('without MX are the domain itself (implicit MX)', async () => {
    server.set('example.org', 'A', ['192.0.2.1']);
    expect(await resolve('example.org')).toMatchObject({
      kind: 'hosts',
      site: 'example.org',
      hosts: [{ name: 'example.org', preference: 0, addresses: ['192.0.2.1'] }],
    });
  });

  test('of a domain with U-labels are looked up by its A-labels (RFC 5891 section 5)', async () => {
    server.set('xn--bcher-kva.example', 'A', ['192.0.2.1']);
    expect(await resolve('Bücher.example')).toMatchObject({ kind: 'hosts', site: 'xn--bcher-kva.example' });
    expect(await resolve('b\u{ad}\u{2e}\u{2e}ü')).toMatchObject({ kind: 'failed', status: '5.1.2' });
  });

  test('are not the domain itself where there are MX, usable or not', async () => {
    server.set('example.org', 'A', ['192.0.2.1']);
    server.set('example.org', 'MX', mx([10, 'gone.example.org']));
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.4', diagnostic: 'No MX host of example.org has an address' });
    server.set('example.org', 'MX', mx([10, 'not a host.example.org'], [20, '-x.example.org']));
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.4' });
  });

  test('behind an alias are found, of the domain and of an MX', async () => {
    server.set('alias.example.org', 'CNAME', ['example.org']);
    server.set('example.org', 'MX', mx([10, 'mx-alias.example.org']));
    server.set('mx-alias.example.org', 'CNAME', ['host.example.net']);
    server.set('host.example.net', 'A', ['192.0.2.1']);
    expect(hosts(await resolve('alias.example.org'))).toEqual([[10, 'mx-alias.example.org', '192.0.2.1']]);
  });

  test('without addresses are passed over; with a name server that fails too, but then for a short time only', async () => {
    server.set('example.org', 'MX', mx([10, 'gone.example.org'], [20, 'broken.example.org'], [30, 'good.example.org']), 3600);
    server.set('good.example.org', 'A', ['192.0.2.1'], 3600);
    server.negative({ ttl: 600, minimum: 600 });
    const skipped = await resolve('example.org');
    expect([hosts(skipped), life(skipped)]).toEqual([[[30, 'good.example.org', '192.0.2.1']], 600]);
    server.behave('broken.example.org', { kind: 'rcode', rcode: 'SERVFAIL' });
    const failing = await resolve('example.org');
    expect([hosts(failing), life(failing)]).toEqual([[[30, 'good.example.org', '192.0.2.1']], 30]);
    expect(failing).toMatchObject({ site: (skipped as { site: string }).site });
  });

  test('named twice count once, at their best preference', async () => {
    server.set('example.org', 'MX', mx([30, 'A.example.org'], [10, 'a.example.org'], [20, 'a.example.org']));
    server.set('a.example.org', 'A', ['192.0.2.1']);
    expect(hosts(await resolve('example.org'))).toEqual([[10, 'a.example.org', '192.0.2.1']]);
  });

  test('are bounded, and so are their addresses', async () => {
    server.set(
      'example.org',
      'MX',
      Array.from({ length: 60 }, (_, at) => ({ preference: at, exchange: `mx${at}.example.org` })),
    );
    for (let at = 0; at < 60; at++)
      server.set(
        `mx${at}.example.org`,
        'A',
        Array.from({ length: 30 }, (_, last) => `192.0.2.${last}`),
      );
    const found = hosts(await resolve('example.org')) as unknown[][];
    expect([found.length, found[0]?.length]).toEqual([MAX_HOSTS, 2 + MAX_ADDRESSES]);
  });
});

describe('TTL', () => {
  test('is the least of all answers, within our bounds', async () => {
    server.set('example.org', 'MX', mx([10, 'a.example.org'], [20, 'b.example.org']), 3600);
    server.set('a.example.org', 'A', ['192.0.2.1'], 700);
    server.set('b.example.org', 'A', ['192.0.2.2'], 500);
    expect(life(await resolve('example.org'))).toBe(500);
    expect(life(await resolve('example.org', { minTtl: 900_000 }))).toBe(900);
    expect(life(await resolve('example.org', { maxTtl: 120_000 }))).toBe(120);
  });

  test('of what is not there comes from the SOA, bounded (RFC 2308 section 5)', async () => {
    server.negative({ ttl: 100, minimum: 90_000 });
    expect(life(await resolve('none.example'))).toBe(100);
    server.negative({ ttl: 90_000, minimum: 90_000 });
    expect(life(await resolve('none.example'))).toBe(300);
    server.negative(null);
    expect(life(await resolve('none.example'))).toBe(30);
  });
});

describe('null MX (RFC 7505)', () => {
  test('says that the domain takes no mail', async () => {
    server.set('example.org', 'MX', mx([0, '.']));
    server.set('example.org', 'A', ['192.0.2.1']);
    expect(await resolve('example.org')).toMatchObject({ kind: 'null-mx' });
  });

  test('beside other MX is no null MX and no host', async () => {
    server.set('example.org', 'MX', mx([0, '.'], [10, 'a.example.org']));
    server.set('a.example.org', 'A', ['192.0.2.1']);
    expect(hosts(await resolve('example.org'))).toEqual([[10, 'a.example.org', '192.0.2.1']]);
  });
});

describe('ourselves', () => {
  beforeEach(() => {
    server.set('example.org', 'MX', mx([10, 'best.example.org'], [20, 'relay.example.com'], [20, 'equal.example.org'], [30, 'worse.example.org']));
    for (const [at, host] of ['best', 'equal', 'worse'].entries()) server.set(`${host}.example.org`, 'A', [`192.0.2.${at}`]);
  });

  test('and what is no better are dropped, by name (RFC 5321 section 5.1)', async () => {
    expect(hosts(await resolve('example.org'))).toEqual([[10, 'best.example.org', '192.0.2.0']]);
  });

  test('and what is no better are dropped, by address', async () => {
    server.set('best.example.org', 'AAAA', ['2001:DB8:1:0::1']);
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.6' });
  });

  test('left alone are a loop, which better hosts that cannot be asked now may break', async () => {
    server.remove('best.example.org');
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.6' });
    server.behave('best.example.org', { kind: 'rcode', rcode: 'SERVFAIL' });
    expect(await resolve('example.org')).toMatchObject({ kind: 'delayed', status: '4.4.3' });
    expect(await resolve('relay.example.com')).toMatchObject({ kind: 'failed' });
  });
});

describe('what is not there', () => {
  test('NXDOMAIN fails, SERVFAIL and silence only delay', async () => {
    expect(await resolve('none.example')).toMatchObject({ kind: 'failed', status: '5.1.2', diagnostic: 'Domain none.example does not exist' });
    server.behave('bad.example', { kind: 'rcode', rcode: 'SERVFAIL' });
    expect(await resolve('bad.example')).toMatchObject({
      kind: 'delayed',
      status: '4.4.3',
      diagnostic: 'MX bad.example: 127.0.0.1: SERVFAIL',
      expiresAt: NOW + 30_000,
    });
    server.behave('still.example', { kind: 'silent' });
    const hasty = createDnsClient({ servers: [server], timeout: 30, tries: 1, clock });
    expect(await resolve('still.example', { dns: hasty })).toMatchObject({ kind: 'delayed', status: '4.4.3' });
  });

  test('neither MX nor address fails; an address that cannot be asked for delays', async () => {
    server.set('example.org', 'MX', []);
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.4' });
    server.behave('example.org', { kind: 'rcode', rcode: 'SERVFAIL' }, 'AAAA');
    expect(await resolve('example.org')).toMatchObject({ kind: 'delayed' });
  });
});

describe('private addresses', () => {
  const PRIVATE = ['127.0.0.1', '10.1.2.3', '169.254.169.254', '192.168.0.1', '172.31.0.1', '100.64.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1'];
  const PRIVATE6 = ['::', '::1', '::ffff:10.0.0.1', 'fe80::1', 'fd00::1', 'ff02::1', '2002:7f00:1::'];

  test.each([...PRIVATE, ...PRIVATE6])('%s is no place for mail, unless configured', async (address) => {
    server.set('example.org', address.includes(':') ? 'AAAA' : 'A', [address]);
    expect(await resolve('example.org')).toMatchObject({ kind: 'failed', status: '5.4.4' });
    expect(await resolve('example.org', { allowPrivate: true })).toMatchObject({ kind: 'hosts' });
  });

  test('beside public ones are left out', async () => {
    server.set('example.org', 'A', ['10.0.0.1', '192.0.2.1']);
    expect(hosts(await resolve('example.org'))).toEqual([[0, 'example.org', '192.0.2.1']]);
  });
});

describe('address literals (RFC 5321 section 4.1.3)', () => {
  test.each([
    ['[192.0.2.1]', '192.0.2.1'],
    ['[IPv6:2001:DB8::1]', '2001:db8::1'],
    ['[ipv6:2001:db8::1]', '2001:db8::1'],
  ])('%s is its own host', async (literal, address) => {
    expect(await resolve(literal)).toMatchObject({ kind: 'hosts', site: literal.toLowerCase(), hosts: [{ addresses: [address] }] });
    expect(server.queries).toEqual([]);
  });

  test.each([
    ['[127.0.0.1]', '5.4.4'],
    ['[203.0.113.1]', '5.4.6'],
    ['[IPv6:2001:db8:1:0:0::1]', '5.4.6'],
    ['[IPv6:192.0.2.1]', '5.1.3'],
    ['[2001:db8::1]', '5.1.3'],
    ['[nonsense]', '5.1.3'],
    ['[192.0.2.1', '5.1.3'],
  ])('%s fails with %s', async (literal, status) => {
    expect(await resolve(literal)).toMatchObject({ kind: 'failed', status });
  });
});

test('hosts always ascend, and ourselves are never among them', async () => {
  const zone = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'relay'),
      preference: fc.nat(3),
      address: fc.option(fc.constantFrom('192.0.2.1', '203.0.113.1', '10.0.0.1')),
    }),
    { minLength: 1, maxLength: 4, selector: ({ name }) => name },
  );
  await fc.assert(
    fc.asyncProperty(zone, async (records) => {
      server.set(
        'example.org',
        'MX',
        records.map(({ name, preference }) => ({ preference, exchange: `${name}.example.com` })),
      );
      for (const { name, address } of records) server.set(`${name}.example.com`, 'A', address === null ? [] : [address]);
      const found = await resolve('example.org');
      expect(found.kind === 'hosts' || found.kind === 'failed').toBe(true);
      if (found.kind !== 'hosts') return;
      const preferences = found.hosts.map(({ preference }) => preference);
      expect(preferences).toEqual(preferences.toSorted((a, b) => a - b));
      const ours = records.filter(({ name, address }) => name === 'relay' || address === '203.0.113.1').map(({ preference }) => preference);
      expect(Math.max(...preferences)).toBeLessThan(Math.min(...ours, Number.POSITIVE_INFINITY));
      expect(found.hosts.flatMap(({ addresses }) => addresses).every((address) => address === '192.0.2.1')).toBe(true);
    }),
    { numRuns: 60 },
  );
});
