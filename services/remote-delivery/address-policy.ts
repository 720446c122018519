// Which addresses the `dns` transport may reach: anybody can point an MX at our loopback or at our own network, and we would
// be their way in. It reads this machine's interfaces; nothing here fails.
import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

const ours = blockList(['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128']);
// RFC 6890 and RFC 1918, RFC 4193, RFC 4291: what is not a unicast address of the Internet.
const notPublic = blockList([
  ...['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8', '100::/64'],
  // Tunnels and translators to whichever IPv4 address they carry.
  ...['2001::/32', '2002::/16', '64:ff9b:1::/48'],
]);

/** Why mail must not go to this address, with its RFC 3463 status, or null. */
export function forbidden(address: string): { readonly status: string; readonly why: string } | null {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (ours.check(address, family) || isOwn(address)) return { status: '5.4.6', why: 'is an address of ours: mail would loop' };
  return notPublic.check(address, family) ? { status: '5.4.4', why: 'is not a public address' } : null;
}

function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((each) => each.address === address));
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  return list;
}
