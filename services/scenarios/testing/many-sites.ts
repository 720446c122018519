// A load for many destinations, found by DNS from a name server of the test: each a domain with an MX of its own, or many domains whose answers
// hold for a second.
import type { ConfigInput } from '#shared/config/schema.ts';
import { type NameServer, startNameServer } from '#shared/testing/name-server.ts';
import type { Sink } from '../../../loadtest/sink.ts';

/** The domain of destination `index`. */
export const domainOf = (index: number): string => `d${index}.load.example`;

export type ManySites = AsyncDisposable & { readonly names: NameServer; readonly config: Pick<ConfigInput, 'routes' | 'resolver'> };

/** A name server that knows every destination of the sink, and the configuration that asks it. */
export async function manySites({ addresses, port }: Sink): Promise<ManySites> {
  const names = await startNameServer();
  for (const [index, address] of addresses.entries()) {
    names.set(domainOf(index), 'MX', [{ preference: 10, exchange: `mx${index}.load.example` }]);
    names.set(`mx${index}.load.example`, 'A', [address]);
  }
  const config: ManySites['config'] = { routes: { '*': { transport: 'dns' } }, resolver: resolverOf(names, port) };
  return { names, config, [Symbol.asyncDispose]: () => names.close() };
}

/** So many that one has no new mail before its answer is too old. */
const DOMAINS = 250;
/** Seconds. */
const SHORT_LIVED = 1;
/** Milliseconds until the name server answers: some domain is always being asked for. */
const ANSWER_DELAY = 200;

/** The domain of message `number`. */
export const shortLivedDomain = (number: number): string => `n${number % DOMAINS}.sites.example`;

/** Domains that share the hosts given, so that nearly each message has to wait for the resolver first. */
export async function shortLivedSites(hosts: readonly string[], port: number) {
  const names = await startNameServer();
  for (const [index, address] of hosts.entries()) names.set(`mx${index}.hosts.example`, 'A', [address], SHORT_LIVED);
  for (let index = 0; index < DOMAINS; index++) {
    names.set(shortLivedDomain(index), 'MX', [{ preference: 10, exchange: `mx${index % hosts.length}.hosts.example` }], SHORT_LIVED);
    names.behave(shortLivedDomain(index), { kind: 'slow', ms: ANSWER_DELAY });
  }
  const config = { routes: { '.sites.example': { transport: 'dns' as const } }, resolver: { ...resolverOf(names, port), min_ttl: '1s' } };
  return { config, [Symbol.asyncDispose]: () => names.close() };
}

function resolverOf({ host, port }: NameServer, smtpPort: number) {
  return { servers: [`${host}:${port}`], smtp_port: smtpPort, allow_private: true };
}
