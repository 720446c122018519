// Addresses that the dns transport does not connect to unless it is told otherwise: our own, and those that are not the public Internet's.
// A name in the public DNS that points there makes us attack our own network.
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { LOOPBACK, NOT_PUBLIC } from '#shared/protocol/special-networks.ts';
import { networks } from '#shared/session/networks.ts';

const SPECIAL = networks('special networks', [...LOOPBACK, ...NOT_PUBLIC]);

export interface AddressPolicy {
  /** An address of this machine. */
  isOurs(address: string): boolean;
  /** Loopback, private, link-local and the like, or no address at all. */
  isPrivate(address: string): boolean;
}

/** Our own addresses are read at each call: interfaces come and go. */
export function createAddressPolicy(own: () => readonly string[] = ownAddresses): AddressPolicy {
  return {
    isOurs: (address) => isIP(address) !== 0 && listOf(own()).check(address, familyOf(address)),
    isPrivate: (address) => isIP(address) === 0 || SPECIAL.has(address),
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
