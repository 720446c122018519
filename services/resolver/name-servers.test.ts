// Which name servers are asked.
import { expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { nameServers, parseResolvConf } from './name-servers.ts';

test('the configured servers go before the system', () => {
  const config = schema.parse({ resolver: { servers: ['192.0.2.53:5353', '[2001:db8::53]:53'] } });
  expect(nameServers(config, () => 'nameserver 192.0.2.1')).toEqual([
    { host: '192.0.2.53', port: 5353 },
    { host: '2001:db8::53', port: 53 },
  ]);
});

test('resolv.conf is read as the C library reads it', () => {
  const text =
    '# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # ours\nnameserver nonsense\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n';
  expect(parseResolvConf(text).map(({ host }) => host)).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.3']);
});

test('without any server the one on this machine is asked', () => {
  expect(nameServers(schema.parse({}), () => '')).toEqual([{ host: '127.0.0.1', port: 53 }]);
});
