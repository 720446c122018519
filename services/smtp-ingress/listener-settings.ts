// What a listener's sessions need to know of it, derived from its configuration.
import type { Config, ListenerConfig } from '#shared/config/schema.ts';
import type { Networks } from '#shared/session/networks.ts';
import { proxiesOf } from '#shared/session/proxies.ts';
import { trustedNetworks } from './relay-policy.ts';

export interface ListenerSettings {
  /** Of logs, metrics and the start banner. */
  readonly name: 'smtp' | 'smtps' | 'submission' | 'submissions';
  readonly submission: boolean;
  readonly offersTls: boolean;
  readonly networks: Networks;
  /** Clients arrive through a proxy that says who they are (PROXY protocol). */
  readonly proxied: boolean;
  /** From where connections are taken: from its proxies alone, or from everywhere. */
  readonly proxies: Networks;
  /** Addresses say who the client is. */
  readonly knowsClients: boolean;
}

/** Throws when a network of the listener is wrong. */
export function listenerSettings(config: Config, listener: ListenerConfig): ListenerSettings {
  const submission = listener.kind === 'submission';
  const implicit = listener.tls === 'implicit';
  return {
    name: submission ? (implicit ? 'submissions' : 'submission') : implicit ? 'smtps' : 'smtp',
    submission,
    offersTls: listener.tls === 'starttls',
    networks: trustedNetworks(config, listener),
    proxied: listener.proxy_protocol,
    proxies: proxiesOf(listener, 'ingress.listeners: proxy_from'),
    knowsClients: listener.proxy_protocol || !listener.behind_proxy,
  };
}
