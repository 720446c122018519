// Which addresses the `dns` transport may reach: anybody can point an MX at our loopback or at our own network, and we would
// be their way in. Nothing here fails.
import { LOOPBACK, NOT_PUBLIC } from '#shared/protocol/special-networks.ts';
import { networks } from '#shared/session/networks.ts';
import { isOwnAddress } from '#shared/session/own-addresses.ts';

const ours = networks('loopback', LOOPBACK);
const notPublic = networks('not public', NOT_PUBLIC);

/** Why mail must not go to this address, with its RFC 3463 status, or null. */
export function forbidden(address: string): { readonly status: string; readonly why: string } | null {
  if (ours.has(address) || isOwnAddress(address)) return { status: '5.4.6', why: 'is an address of ours: mail would loop' };
  return notPublic.has(address) ? { status: '5.4.4', why: 'is not a public address' } : null;
}
