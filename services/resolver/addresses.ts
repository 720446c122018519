// Addresses that the dns transport does not connect to unless it is told otherwise: our own, and those that are not the public Internet's.
// A name in the public DNS that points there makes us attack our own network.
import { isIP } from 'node:net';
import { LOOPBACK, NOT_PUBLIC } from '#shared/protocol/special-networks.ts';
import { networks } from '#shared/session/networks.ts';
import { isOwnAddress } from '#shared/session/own-addresses.ts';

const SPECIAL = networks('special networks', [...LOOPBACK, ...NOT_PUBLIC]);

export interface AddressPolicy {
  /** An address of this machine. */
  isOurs(address: string): boolean;
  /** Loopback, private, link-local and the like, or no address at all. */
  isPrivate(address: string): boolean;
}

export const addressPolicy: AddressPolicy = {
  isOurs: isOwnAddress,
  isPrivate: (address) => isIP(address) === 0 || SPECIAL.has(address),
};
