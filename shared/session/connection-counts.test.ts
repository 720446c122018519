import { expect, test } from 'vitest';
import { ConnectionCounts, clientKey } from './connection-counts.ts';

test('connections are counted in all and by client, and counted out', () => {
  const counts = new ConnectionCounts();
  expect(['a', 'a', 'a', 'b', 'c'].map((client) => counts.enter(client, 3, 2))).toEqual([null, null, 'client', null, 'total']);
  counts.leave('a');
  expect(['c', 'a'].map((client) => counts.enter(client, 3, 2))).toEqual([null, 'total']);
});

test('a client is an IPv4 address or a /64', () => {
  expect(clientKey('192.0.2.1')).toBe('192.0.2.1');
  expect(clientKey('2001:db8::1')).toBe(clientKey('2001:0db8:0000:0000:ffff::2'));
  expect(clientKey('2001:db8:0:1::1')).not.toBe(clientKey('2001:db8::1'));
  expect(clientKey('::1')).toBe('0:0:0:0::/64');
});
