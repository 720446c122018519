// Networks of the configuration (CIDR): whom a listener trusts, and whose PROXY header it takes.
import { BlockList, isIP } from 'node:net';

export interface Networks {
  has(address: string): boolean;
}

export const NO_NETWORKS: Networks = { has: () => false };

/** Throws with the setting and the value when a network is no CIDR. */
export function networks(setting: string, written: readonly string[]): Networks {
  const list = new BlockList();
  for (const network of written) add(list, setting, network);
  return { has: (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') };
}

function add(list: BlockList, setting: string, network: string): void {
  const [address = '', length] = network.split('/');
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (family === 0 || prefix < 0 || prefix > bits) throw new Error(`${setting}: ${network} is no network, expected CIDR such as 192.0.2.0/24 or 2001:db8::/32`);
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
}
