// The name server itself, asked by node:dns: what our own client's tests stand on.
import { Resolver } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type NameServer, startNameServer } from './name-server.ts';

let server: NameServer;
let resolver: Resolver;

beforeEach(async () => {
  server = await startNameServer();
  resolver = resolverOf(3_000);
});
afterEach(() => server.close());

function resolverOf(timeout: number): Resolver {
  const created = new Resolver({ timeout, tries: 1 });
  created.setServers([`${server.host}:${server.port}`]);
  return created;
}

describe('the test name server', () => {
  test('answers what its zone holds at the moment, and counts', async () => {
    server.set('example.org', 'MX', [{ preference: 10, exchange: 'mx.example.org' }]);
    expect(await resolver.resolveMx('EXAMPLE.org')).toMatchObject([{ priority: 10, exchange: 'mx.example.org' }]);
    server.set('example.org', 'MX', [{ preference: 20, exchange: 'other.example.org' }]);
    expect(await resolver.resolveMx('example.org')).toMatchObject([{ priority: 20, exchange: 'other.example.org' }]);
    expect([server.count('example.org'), server.count('example.org', 'MX'), server.count('example.org', 'A')]).toEqual([2, 2, 0]);
  });

  test('follows CNAMEs as a recursive resolver does', async () => {
    server.set('www.example.org', 'CNAME', ['host.example.org']);
    server.set('host.example.org', 'A', ['192.0.2.1']);
    expect(await resolver.resolve4('www.example.org')).toEqual(['192.0.2.1']);
  });

  test('tells NXDOMAIN from NODATA, for empty non-terminals too', async () => {
    server.set('a.b.example.org', 'A', ['192.0.2.1']);
    await expect(resolver.resolve4('none.example.org')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolveMx('a.b.example.org')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('b.example.org')).rejects.toMatchObject({ code: 'ENODATA' });
    server.remove('a.b.example.org');
    await expect(resolver.resolve4('b.example.org')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('truncates what does not fit, and gives the whole over TCP', async () => {
    const addresses = Array.from({ length: 200 }, (_, at) => `192.0.2.${at}`);
    server.set('many.example.org', 'A', addresses);
    expect((await resolver.resolve4('many.example.org')).sort()).toEqual([...addresses].sort());
    expect(server.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  test('fails, refuses and keeps silent when told to, until told otherwise', async () => {
    server.set('example.org', 'A', ['192.0.2.1']);
    server.behave('example.org', { kind: 'rcode', rcode: 'SERVFAIL' });
    await expect(resolver.resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    server.behave('example.org', { kind: 'silent' }, 'A');
    await expect(resolverOf(200).resolve4('example.org')).rejects.toMatchObject({ code: 'ETIMEOUT' });
    server.behave('example.org', null, 'A');
    await expect(resolver.resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    server.behave('example.org', null);
    expect(await resolver.resolve4('example.org')).toEqual(['192.0.2.1']);
  });
});
