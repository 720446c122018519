// What MUAs are told of our servers: which services there are, by which name and at which ports they are reached from outside. Pure.
import { hostname } from 'node:os';
import type { Config } from '#shared/config/schema.ts';

/** The service names of RFC 6186 section 3 and RFC 8314 section 5.1; those that end in `s` are TLS from the first byte. */
export const CLIENT_SERVICES = ['submissions', 'submission', 'imaps', 'imap', 'pop3s', 'pop3'] as const;
export type ClientServiceName = (typeof CLIENT_SERVICES)[number];

export interface ClientService {
  readonly name: ClientServiceName;
  /** Where clients reach it, by a load balancer or port mapping if need be. */
  readonly port: number;
  /** A listener of ours offers it. */
  readonly served: boolean;
  /** Every listener that offers it is bound to loopback: nobody outside reaches it. */
  readonly loopbackOnly: boolean;
}

const STANDARD_PORTS: Readonly<Record<ClientServiceName, number>> = { submissions: 465, submission: 587, imaps: 993, imap: 143, pop3s: 995, pop3: 110 };
const LOOPBACK = /^(?:127\.|::1$|localhost$)/;

/** The name by which MUAs reach us. */
export function clientHostname({ clients, hostname: own }: Config): string {
  return clients.hostname ?? own ?? hostname();
}

/** All services, in the order in which a client should prefer them: RFC 8314 section 3 wants implicit TLS first. */
export function clientServices(config: Config): readonly ClientService[] {
  return CLIENT_SERVICES.map((name) => {
    const listeners = listenersOf(config, name);
    return {
      name,
      port: config.clients.ports[name] ?? STANDARD_PORTS[name],
      served: listeners.length > 0,
      loopbackOnly: listeners.length > 0 && listeners.every(({ address }) => LOOPBACK.test(address)),
    };
  });
}

function listenersOf({ ingress, imap, pop3 }: Config, name: ClientServiceName): readonly { readonly address: string }[] {
  const tls = name.endsWith('s') ? 'implicit' : 'starttls';
  if (name.startsWith('submission')) return ingress.listeners.filter((listener) => listener.kind === 'submission' && listener.tls === tls);
  return (name.startsWith('imap') ? imap : pop3).listeners.filter((listener) => listener.tls === tls);
}
