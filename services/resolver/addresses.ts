// Addresses that the dns transport does not connect to unless it is told otherwise: our own, and those that are not the public Internet's.
// A name in the public DNS that points there makes us attack our own network.
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * IANA's special-purpose registries (RFC 6890), multicast included; without 64:ff9b::/96, through which hosts without IPv4 reach it.
 * IPv4 in IPv6 (RFC 4291 section 2.5.5) is judged as IPv4 by BlockList.
 */
const SPECIAL: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 9, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

export interface AddressPolicy {
  /** An address of this machine. */
  isOurs(address: string): boolean;
  /** Loopback, private, link-local and the like, or no address at all. */
  isPrivate(address: string): boolean;
}

/** Our own addresses are read at each call: interfaces come and go. */
export function createAddressPolicy(own: () => readonly string[] = ownAddresses): AddressPolicy {
  const special = new BlockList();
  for (const [network, prefix, family] of SPECIAL) special.addSubnet(network, prefix, family);
  return {
    isOurs: (address) => isIP(address) !== 0 && listOf(own()).check(address, familyOf(address)),
    isPrivate: (address) => isIP(address) === 0 || special.check(address, familyOf(address)),
  };
}

function listOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address, familyOf(address));
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}
