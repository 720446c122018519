// Who may send where: anyone to our own domains, trusted networks and authenticated users anywhere. Else we were an open relay.
import { BlockList, isIP } from 'node:net';
import type { Config, ListenerConfig } from '#shared/config/schema.ts';
import type { RecipientVerdict } from '#shared/directory/directory.ts';
import { replies, type ServerReply } from '#shared/smtp/replies.ts';

/** Says whether an address is in one of the networks. */
export interface TrustedNetworks {
  has(address: string): boolean;
}

/**
 * The networks that a listener trusts. Addresses of a proxy are trusted by nobody: that would make every client of the proxy a
 * relay client. Throws with the key and the value when a network is no CIDR.
 */
export function trustedNetworks(config: Config, listener: ListenerConfig): TrustedNetworks {
  const own = listener.trusted_networks;
  if (listener.behind_proxy && !listener.proxy_protocol) {
    if (own && own.length > 0)
      throw new Error('ingress.listeners: trusted_networks with behind_proxy needs proxy_protocol: the addresses seen are the proxy’s');
    return { has: () => false };
  }
  const list = new BlockList();
  for (const network of own ?? config.ingress.trusted_networks) add(list, network);
  return { has: (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') };
}

function add(list: BlockList, network: string): void {
  const [address = '', length] = network.split('/');
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (family === 0 || prefix < 0 || prefix > bits)
    throw new Error(`trusted_networks: ${network} is no network, expected CIDR such as 192.0.2.0/24 or 2001:db8::/32`);
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
}

/** The answer to RCPT for what the directory said. */
export function relayDecision(verdict: RecipientVerdict, address: string, mayRelay: boolean): ServerReply {
  // RFC 5321 section 4.5.1: postmaster is always accepted, without a domain and at each of ours.
  if (/^postmaster$/i.test(address) || (/^postmaster@/i.test(address) && verdict.kind !== 'foreign')) return replies.recipientOk;
  if (verdict.kind === 'unknown') return replies.unknownRecipient;
  return verdict.kind === 'foreign' && !mayRelay ? replies.relayDenied : replies.recipientOk;
}
