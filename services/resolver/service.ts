// The resolver role: one actor per domain, and the DNS client they share.
import { hostname } from 'node:os';
import type { Config } from '#shared/config/schema.ts';
import { canonicalDomain } from '#shared/mail/address.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Host, RunningService } from '../host.ts';
import { addressPolicy } from './addresses.ts';
import { createDnsClient, type DnsClient } from './dns-client.ts';
import { nameServers } from './name-servers.ts';
import { createResolutions } from './resolutions.ts';
import { resolveDomain } from './resolve-domain.ts';
import { createResolver, type ResolverHost } from './resolver.ts';

export type ResolverServiceHost = ResolverHost & Pick<Host, 'actors' | 'resolutions' | 'onReload'>;

/** Starts the role. Draining lets questions under way be answered; when patience ends they are given up, and the mail stays. */
export async function startResolver(host: ResolverServiceHost): Promise<RunningService> {
  const { clock, directory, metrics, spool, log } = host;
  const parts: ResolverHost = { clock, directory, metrics, spool, config: () => host.config(), log };
  const machine = hostname();
  let dns = openDns(host.config(), clock);
  // The old client ends by itself: it holds nothing but the questions that it still answers.
  const unsubscribe = host.onReload((config) => {
    dns = openDns(config, clock);
  });
  const stopping = new AbortController();
  const resolutionOf = createResolutions(
    host,
    (domain) => resolveDomain(domain, { dns, clock, addresses: addressPolicy, ...settings(host.config(), machine) }),
    stopping.signal,
  );
  const running = await host.actors.startKeyed('resolver', (activation) => createResolver(parts, { resolutionOf, random: Math.random }, activation));
  return {
    notReady: () => running.notReady(),
    drain: async (signal) => {
      const giveUp = () => {
        stopping.abort();
        dns.close();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      await running.drain(signal);
      unsubscribe();
      giveUp();
    },
  };
}

function openDns(config: Config, clock: Clock): DnsClient {
  const { timeout, tries } = config.resolver;
  return createDnsClient({ servers: nameServers(config), timeout, tries, clock });
}

function settings({ hostname: name, resolver }: Config, machine: string) {
  const { allow_private, min_ttl, max_ttl, negative_ttl } = resolver;
  return { hostname: canonicalDomain(name ?? machine), allowPrivate: allow_private, minTtl: min_ttl, maxTtl: max_ttl, negativeTtl: negative_ttl };
}
