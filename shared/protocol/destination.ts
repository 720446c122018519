// Keys of destinations: `dns/<site>#<partition>` and `smarthost/<host>:<port>#<partition>`. One grammar, one file.
// The router and the resolver make keys, remote-delivery reads them; a key that does not parse is null, not a throw.
import type { SiteRule } from '#shared/config/schema.ts';

export type Destination =
  | { readonly transport: 'dns'; readonly site: string }
  | { readonly transport: 'smarthost'; readonly host: string; readonly port: number };

/** Connections and partitions of a site when no rule says otherwise: the defaults of `sites` in the configuration. */
const DEFAULT_CONNECTIONS = 20;
const DEFAULT_MESSAGES_PER_CONNECTION = 1000;
const DEFAULT_PARTITIONS = { dns: 1, smarthost: 4 } as const;

/** The name of a destination without its partition: what people see in logs, metrics and rules. */
export function siteName(destination: Destination): string {
  return destination.transport === 'dns' ? destination.site : `${destination.host}:${destination.port}`;
}

/** The key of one partition (from 0) of a destination. */
export function destinationKey(destination: Destination, partition: number): string {
  return `${destination.transport}/${siteName(destination)}#${partition}`;
}

/** The destination and partition that a key names, or null when it names none. */
export function parseDestinationKey(key: string): { readonly destination: Destination; readonly partition: number } | null {
  const match = /^(dns|smarthost)\/(.+)#(\d{1,3})$/.exec(key);
  const [, transport, name = '', partition] = match ?? [];
  if (transport === 'dns') return { destination: { transport, site: name }, partition: Number(partition) };
  const address = /^(.+):(\d{1,5})$/.exec(name);
  if (transport !== 'smarthost' || !address) return null;
  return { destination: { transport, host: address[1] ?? '', port: Number(address[2]) }, partition: Number(partition) };
}

/** What the rules say of a destination: connections of the whole site, partitions, messages per connection. */
export interface SiteBudget {
  readonly connections: number;
  readonly partitions: number;
  readonly messagesPerConnection: number;
}

/** The first rule that names the site, its first host (a site of several is named `host+digest`), the smarthost's host, the domain, or `*`. */
export function siteBudget(rules: readonly SiteRule[], destination: Destination, domain?: string): SiteBudget {
  const rule = rules.find(({ match }) => match === '*' || match === siteName(destination) || match === firstHost(destination) || (domain && match === domain));
  return {
    connections: rule?.connections ?? DEFAULT_CONNECTIONS,
    partitions: rule?.partitions ?? DEFAULT_PARTITIONS[destination.transport],
    messagesPerConnection: rule?.messages_per_connection ?? DEFAULT_MESSAGES_PER_CONNECTION,
  };
}

function firstHost(destination: Destination): string {
  return destination.transport === 'dns' ? destination.site.replace(/\+.*$/, '') : destination.host;
}

/** The partition (0 to partitions - 1) of a message: the same for the same queue id. */
export function partitionFor(messageId: string, partitions: number): number {
  if (partitions <= 1) return 0;
  let hash = 2_166_136_261;
  for (let at = 0; at < messageId.length; at++) hash = Math.imul(hash ^ messageId.charCodeAt(at), 16_777_619);
  return (hash >>> 0) % partitions;
}
