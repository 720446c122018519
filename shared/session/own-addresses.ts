// The addresses of this machine: mail for them would come back to us. Owns a copy that is a second old at most: asking the kernel
// costs more than all else about an address, and interfaces come and go rarely.
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Networks, networks } from './networks.ts';

const LIFE = 1_000;

let known: { readonly addresses: Networks; readonly until: number } | undefined;

/** False for what is no address. */
export function isOwnAddress(address: string): boolean {
  const now = performance.now();
  if (!known || known.until <= now) known = { addresses: networks('own addresses', ownAddresses()), until: now + LIFE };
  return isIP(address) !== 0 && known.addresses.has(address);
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}
