// Where the dns transport must not go.
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { forbidden } from './address-policy.ts';

test.each(['127.0.0.1', '127.8.9.10', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1'])('%s is ours: 5.4.6', (address) => {
  expect(forbidden(address)?.status).toBe('5.4.6');
});

test.each([
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '224.0.0.1',
  '255.255.255.255',
  'fe80::1',
  'fd00::1',
  'ff02::1',
  '::ffff:10.0.0.1',
  '2002:7f00:1::1',
  '64:ff9b:1::7f00:1',
  '2001:0:7f00:1::',
  '100::1',
])('%s is not public: 5.4.4', (address) => {
  const own = Object.values(networkInterfaces()).some((list) => list?.some((each) => each.address === address));
  expect(forbidden(address)?.status).toBe(own ? '5.4.6' : '5.4.4');
});

test('every address of this machine is ours', () => {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  expect(own.map(({ address }) => forbidden(address)?.status)).toEqual(own.map(() => '5.4.6'));
});

test.each(['8.8.8.8', '172.32.0.1', '192.0.2.1', '2001:db8::1', '2600::1'])('%s may be reached', (address) => {
  expect(forbidden(address)).toBeNull();
});
