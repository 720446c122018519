// Keys of destinations: what is made can be read, what is read was made.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Destination, destinationKey, parseDestinationKey, partitionFor, siteBudget } from './destination.ts';

const host = fc.oneof(fc.domain(), fc.ipV6(), fc.ipV4());
const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.record({ transport: fc.constant('dns' as const), site: host.map((name) => `${name}+abc`) }),
  fc.record({ transport: fc.constant('smarthost' as const), host, port: fc.integer({ min: 1, max: 65_535 }) }),
);

test('a key reads as what it was made of', () => {
  fc.assert(
    fc.property(destination, fc.nat(63), (made, partition) => {
      expect(parseDestinationKey(destinationKey(made, partition))).toEqual({ destination: made, partition });
    }),
  );
});

test.each(['', 'dns/', 'dns/x', 'dns/#0', 'x/y#0', 'smarthost/x#0', 'smarthost/:25#0', 'smarthost/x:y#0', 'dns/x#', 'dns/x#1000'])('%j is no key', (key) => {
  expect(parseDestinationKey(key)).toBeNull();
});

test('messages spread evenly over partitions, each always to the same', () => {
  const counts = [0, 0, 0, 0];
  for (let at = 0; at < 4000; at++) {
    const partition = partitionFor(`0message${at}`, 4);
    expect(partitionFor(`0message${at}`, 4)).toBe(partition);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200);
  expect(partitionFor('0message', 1)).toBe(0);
});

test('the first rule that names the site, the host, the domain or all counts', () => {
  const rules = [
    { match: 'slow.example', connections: 2, messages_per_connection: 5 },
    { match: 'mx.example.net', connections: 7, partitions: 3, messages_per_connection: 10 },
    { match: '*', connections: 9, messages_per_connection: 100 },
  ];
  const site = { transport: 'dns', site: 'mx.example.net' } as const;
  const smarthost = { transport: 'smarthost', host: 'slow.example', port: 587 } as const;
  expect(siteBudget(rules, site)).toEqual({ connections: 7, partitions: 3, messagesPerConnection: 10 });
  expect(siteBudget(rules, site, 'slow.example')).toMatchObject({ connections: 2, partitions: 1 });
  expect(siteBudget(rules, smarthost)).toMatchObject({ connections: 2, partitions: 4 });
  const several = { transport: 'dns', site: 'mx.example.net+0123456789' } as const;
  expect(siteBudget(rules, several)).toMatchObject({ connections: 7 });
  expect(siteBudget([{ match: several.site, connections: 1, messages_per_connection: 1 }, ...rules], several)).toMatchObject({ connections: 1 });
  expect(siteBudget(rules, several, 'slow.example')).toMatchObject({ connections: 2 });
  expect(siteBudget([], site)).toEqual({ connections: 20, partitions: 1, messagesPerConnection: 1000 });
});
