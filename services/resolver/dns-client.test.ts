// The stub resolver against a real name server: every kind of answer, every lie, several servers.
import { encode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#shared/telemetry/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type NameServer, type Query, startNameServer } from '#shared/testing/name-server.ts';
import { createDnsClient, type DnsClient, type DnsClientOptions } from './dns-client.ts';

let server: NameServer;
let clients: DnsClient[];

beforeEach(async () => {
  clients = [];
  server = await startNameServer();
  server.set('host.example', 'A', ['192.0.2.1', '192.0.2.2'], 120);
});
afterEach(async () => {
  for (const each of clients) each.close();
  await server.close();
});

function client(options: Partial<DnsClientOptions> = {}): DnsClient {
  const created = createDnsClient({ servers: [server], timeout: 3_000, tries: 2, clock: systemClock, ...options });
  clients.push(created);
  return created;
}
const found = (...records: string[]) => ({ kind: 'found', records });

describe('an answer', () => {
  test('over UDP, with EDNS, and with letters of random case', async () => {
    server.set('a-rather-long-name.host.example', 'AAAA', ['2001:db8::1']);
    const dns = client();
    for (let times = 0; times < 8; times++) expect(await dns.query('a-rather-long-name.host.example', 'AAAA')).toEqual({ ...found('2001:db8::1'), ttl: 300 });
    expect(server.queries.every(({ edns, transport }) => edns && transport === 'udp')).toBe(true);
    expect(new Set(server.queries.map(({ id }) => id)).size).toBeGreaterThan(6);
    expect(new Set(server.queries.map(({ spelt }) => spelt)).size).toBeGreaterThan(6);
  });

  test('for names that node:dns refuses', async () => {
    for (const name of ['100%.example', 'a:b.example', 'a/b.example', 'hey!.example', '_dmarc.example']) {
      server.set(name, 'A', ['192.0.2.9']);
      expect(await client().query(name, 'A')).toMatchObject(found('192.0.2.9'));
    }
  });

  test('NODATA and NXDOMAIN are not the same (RFC 2308 section 2)', async () => {
    expect(await client().query('host.example', 'MX')).toEqual({ kind: 'no-data', ttl: 60 });
    expect(await client().query('none.example', 'MX')).toEqual({ kind: 'no-such-name', ttl: 60 });
    server.negative({ ttl: 20, minimum: 300 });
    expect(await client().query('none.example', 'MX')).toEqual({ kind: 'no-such-name', ttl: 20 });
    server.negative(null);
    expect(await client().query('none.example', 'MX')).toEqual({ kind: 'no-such-name', ttl: null });
  });

  test('that UDP cannot carry comes over TCP', async () => {
    const exchange = (at: number) => `a-mail-exchanger-with-a-long-name-${at}.host.example`;
    server.set(
      'many.example',
      'MX',
      Array.from({ length: 200 }, (_, at) => ({ preference: at, exchange: exchange(at) })),
    );
    const answer = await client().query('many.example', 'MX');
    expect(answer.kind === 'found' && answer.records.map((record) => record.exchange)).toEqual(Array.from({ length: 200 }, (_, at) => exchange(at)));
    expect(server.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  test('from a server that knows no EDNS (RFC 6891 section 7)', async () => {
    server.behave('host.example', { kind: 'no-edns' });
    expect(await client().query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(server.queries.map(({ edns }) => edns)).toEqual([true, false]);
  });

  test('from a server that loses the case of letters is asked for again over TCP', async () => {
    server.behave('host.example', {
      kind: 'packets',
      make: ({ name, transport }, proper) => [transport === 'tcp' ? proper : { ...proper, questions: [{ name, type: 'A' }] }],
    });
    const dns = client();
    for (let times = 0; times < 4; times++) expect(await dns.query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(server.queries.some(({ transport }) => transport === 'tcp')).toBe(true);
  });

  test('that stops at an alias is followed to its end, and aliases in a circle are not', async () => {
    const cname = (name: string, target: string) =>
      server.behave(name, {
        kind: 'packets',
        make: (query, proper) => [{ ...proper, flags: 0x0580, authorities: [], answers: [{ type: 'CNAME', name: query.spelt, ttl: 15, data: target }] }],
      });
    cname('one.example', 'two.example');
    cname('two.example', 'host.example');
    expect(await client().query('one.example', 'A')).toEqual({ ...found('192.0.2.1', '192.0.2.2'), ttl: 15 });
    cname('host.example', 'one.example');
    expect(await client().query('one.example', 'A')).toMatchObject({ kind: 'server-failed' });
  });

  test('for what cannot be a name needs no server', async () => {
    expect(await client().query('a..example', 'A')).toEqual({ kind: 'no-such-name', ttl: null });
    expect(server.queries).toEqual([]);
  });
});

describe('ports', () => {
  test('serve one question at a time, and several one after the other', async () => {
    const dns = client();
    await Promise.all(Array.from({ length: 5 }, () => dns.query('host.example', 'A')));
    expect(new Set(server.queries.map(({ port }) => port)).size).toBe(5);
    for (let times = 0; times < 5; times++) await dns.query('host.example', 'A');
    expect(new Set(server.queries.map(({ port }) => port)).size).toBe(5);
    for (let times = 0; times < 100; times++) await dns.query('host.example', 'A');
    expect(new Set(server.queries.map(({ port }) => port)).size).toBeGreaterThan(6);
  });

  test('on which a guess or a late answer could come serve no other question', async () => {
    const dns = client({ timeout: 50, tries: 1 });
    server.behave('late.example', { kind: 'slow', ms: 60 });
    expect(await dns.query('late.example', 'A')).toMatchObject({ kind: 'timed-out' });
    server.behave('guessed.example', { kind: 'packets', make: (_query, truth) => [Buffer.from('nonsense'), truth] });
    expect(await dns.query('guessed.example', 'A')).toMatchObject({ kind: 'no-such-name' });
    expect(await dns.query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(new Set(server.queries.map(({ port }) => port)).size).toBe(3);
  });
});

describe('a forger', () => {
  const proper = (query: Query, address: string, change: { id?: number; name?: string } = {}) =>
    encode({
      type: 'response',
      id: change.id ?? query.id,
      flags: 0x0180,
      questions: [{ name: change.name ?? query.spelt, type: 'A' }],
      answers: [{ type: 'A', name: query.spelt, ttl: 9, data: address }],
    });

  test('who misses the id or the question is passed over, and the true answer is taken', async () => {
    server.behave('host.example', {
      kind: 'packets',
      make: (query, truth) => [
        proper(query, '203.0.113.1', { id: query.id ^ 1 }),
        proper(query, '203.0.113.2', { name: 'other.example' }),
        Buffer.from('nonsense'),
        truth,
      ],
    });
    expect(await client().query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(server.queries).toHaveLength(1);
  });

  test('who never tells the truth is a time-out', async () => {
    server.behave('host.example', { kind: 'packets', make: (query) => [proper(query, '203.0.113.1', { id: query.id ^ 1 })] });
    expect(await client({ timeout: 50 }).query('host.example', 'A')).toMatchObject({ kind: 'timed-out' });
  });

  test('who sends a loop of compression pointers fails the server and not us', async () => {
    server.behave('host.example', { kind: 'packets', make: (_query, truth) => [loop(encode({ ...truth, additionals: [] }))] });
    expect(await client().query('host.example', 'A')).toMatchObject({ kind: 'server-failed' });
    expect(server.queries).toHaveLength(1);
  });

  /** The owner of the first answer becomes a pointer to itself. */
  function loop(data: Buffer): Buffer {
    const owner = 12 + 'host.example'.length + 2 + 4;
    return Buffer.concat([data.subarray(0, owner), Buffer.from([0xc0, owner]), data.subarray(owner + 'host.example'.length + 2)]);
  }
});

describe('servers', () => {
  test('that fail are asked once each, then the look-up has failed and says why', async () => {
    server.behave('host.example', { kind: 'rcode', rcode: 'SERVFAIL' });
    await using other = await startNameServer();
    other.behave('host.example', { kind: 'rcode', rcode: 'REFUSED' });
    const answer = await client({ servers: [server, other], tries: 5 }).query('host.example', 'A');
    expect(answer).toEqual({ kind: 'server-failed', diagnostic: 'A host.example: 127.0.0.1: SERVFAIL; 127.0.0.1: REFUSED' });
    expect([server.queries.length, other.queries.length]).toEqual([1, 1]);
  });

  test('that are silent are asked as often as configured', async () => {
    server.behave('host.example', { kind: 'silent' });
    expect(await client({ timeout: 30, tries: 3 }).query('host.example', 'A')).toEqual({
      kind: 'timed-out',
      diagnostic: 'A host.example: 127.0.0.1: no answer in 30 ms',
    });
    expect(server.queries).toHaveLength(3);
  });

  test('that are silent give way to the next, and are asked last from then on', async () => {
    server.behave('host.example', { kind: 'silent' });
    await using other = await startNameServer();
    other.set('host.example', 'A', ['192.0.2.3']);
    const dns = client({ servers: [server, other], timeout: 250 });
    expect(await dns.query('host.example', 'A')).toMatchObject(found('192.0.2.3'));
    expect(await dns.query('host.example', 'A')).toMatchObject(found('192.0.2.3'));
    expect([server.queries.length, other.queries.length]).toEqual([1, 2]);
  });

  test('that are away are told from the silent by the kernel, at once', async () => {
    const gone = await startNameServer();
    await gone.close();
    expect(await client({ servers: [gone, server] }).query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
  });

  test('that the kernel has no way to are passed over', async () => {
    const broadcast = { host: '255.255.255.255', port: 53 };
    expect(await client({ servers: [broadcast, server] }).query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(await client({ servers: [broadcast] }).query('host.example', 'A')).toMatchObject({
      kind: 'server-failed',
      diagnostic: expect.stringContaining('EACCES'),
    });
  });

  test('are asked again soon when a datagram was lost, in the same words', async () => {
    server.behave('host.example', { kind: 'packets', make: (_, proper) => (server.queries.length === 1 ? [] : [proper]) });
    const asked = performance.now();
    expect(await client({ timeout: 20_000, tries: 1 }).query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(performance.now() - asked).toBeLessThan(10_000);
    const [first, second] = server.queries;
    expect(second).toEqual(first);
  });

  test('that need time are waited for', async () => {
    server.behave('host.example', { kind: 'slow', ms: 60 });
    expect(await client().query('host.example', 'A')).toMatchObject(found('192.0.2.1', '192.0.2.2'));
    expect(server.queries).toHaveLength(1);
  });

  test('are not asked more at once than allowed', async () => {
    server.behave('host.example', { kind: 'silent' });
    const dns = client({ concurrency: 2 });
    const asked = Promise.all(['host.example', 'host.example', 'two.example', 'three.example'].map((name) => dns.query(name, 'A')));
    await eventually(() => server.queries.length === 2);
    dns.close();
    expect((await asked).map(({ kind }) => kind)).toEqual(['timed-out', 'timed-out', 'timed-out', 'timed-out']);
    expect(server.queries).toHaveLength(2);
  });
});
