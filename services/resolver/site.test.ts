// Which domains share a site.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { destinationKey, parseDestinationKey } from '#shared/protocol/destination.ts';
import { siteOf } from './site.ts';

const host = (preference: number, name: string) => ({ preference, name });

test('one host is a site by its own name', () => {
  expect(siteOf([host(10, 'mx.example.org')])).toBe('mx.example.org');
});

test('several are the best one and a digest, the same for the same hosts in the same order', () => {
  const site = siteOf([host(1, 'mx.example.org'), host(5, 'backup.example.org')]);
  expect(site).toMatch(/^mx\.example\.org\+[0-9a-f]{10}$/);
  expect(siteOf([host(20, 'backup.example.org'), host(10, 'mx.example.org')])).toBe(site);
});

test('another backup, another order or another rank is another site: nobody leads another domain’s mail astray', () => {
  const sites = [
    [host(1, 'a.example'), host(2, 'b.example')],
    [host(1, 'a.example'), host(2, 'evil.example')],
    [host(2, 'a.example'), host(1, 'b.example')],
    [host(1, 'a.example'), host(1, 'b.example')],
    [host(1, 'a.example'), host(2, 'b.example'), host(3, 'c.example')],
    [host(1, 'a.example')],
  ].map(siteOf);
  expect(new Set(sites).size).toBe(sites.length);
});

test('order of records never matters, and the site survives in a key', () => {
  const names = fc.uniqueArray(fc.record({ preference: fc.nat(5), name: fc.stringMatching(/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,60}){0,3}$/) }), {
    minLength: 1,
    maxLength: 8,
    selector: ({ name }) => name,
  });
  fc.assert(
    fc.property(names, (hosts) => {
      const site = siteOf(hosts);
      expect(siteOf(hosts.toReversed())).toBe(site);
      expect(site.length).toBeLessThanOrEqual(111);
      expect(parseDestinationKey(destinationKey({ transport: 'dns', site }, 3))).toEqual({ destination: { transport: 'dns', site }, partition: 3 });
    }),
  );
});
