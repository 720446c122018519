// Who may send where: anyone to our own domains, trusted networks and authenticated users anywhere. Else we were an open relay.
import type { Config, ListenerConfig } from '#shared/config/schema.ts';
import type { RecipientVerdict } from '#shared/directory/directory.ts';
import { type Networks, NO_NETWORKS, networks } from '#shared/session/networks.ts';
import { replies, type ServerReply } from '#shared/smtp/replies.ts';

/**
 * The networks that a listener trusts. Addresses of a proxy are trusted by nobody: that would make every client of the proxy a
 * relay client. Throws with the key and the value when a network is no CIDR.
 */
export function trustedNetworks(config: Config, listener: ListenerConfig): Networks {
  const own = listener.trusted_networks;
  if (listener.behind_proxy && !listener.proxy_protocol) {
    if (own && own.length > 0)
      throw new Error('ingress.listeners: trusted_networks with behind_proxy needs proxy_protocol: the addresses seen are the proxy’s');
    return NO_NETWORKS;
  }
  return networks('trusted_networks', own ?? config.ingress.trusted_networks);
}

/** The answer to RCPT for what the directory said. */
export function relayDecision(verdict: RecipientVerdict, address: string, mayRelay: boolean): ServerReply {
  // RFC 5321 section 4.5.1: postmaster is always accepted, without a domain and at each of ours.
  if (/^postmaster$/i.test(address) || (/^postmaster@/i.test(address) && verdict.kind !== 'foreign')) return replies.recipientOk;
  if (verdict.kind === 'unknown') return replies.unknownRecipient;
  return verdict.kind === 'foreign' && !mayRelay ? replies.relayDenied : replies.recipientOk;
}
