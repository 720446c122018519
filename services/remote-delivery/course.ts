// Where a recipient's mail goes now: a recipient that waited keeps its domain, and routes and MX records may have changed
// meanwhile (DESIGN section 3). What no longer belongs to this destination goes back to the resolver, or to its new site.
import type { Config } from '#shared/config/schema.ts';
import type { Directory } from '#shared/directory/directory.ts';
import { type Destination, destinationKey, partitionFor, siteBudget } from '#shared/protocol/destination.ts';
import type { ResolutionReader } from '#shared/protocol/resolution.ts';
import type { Mailbox, Receiver } from '#shared/protocol/topology.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Course } from './attempt.ts';
import { dnsNextHop, smarthostNextHop } from './next-hop.ts';

export interface CourseParts {
  readonly config: () => Config;
  readonly directory: Pick<Directory, 'route'>;
  readonly resolutions: ResolutionReader;
}

export type Whereabouts =
  | { readonly kind: 'here'; readonly course: Course }
  | { readonly kind: 'elsewhere'; readonly mailbox: Mailbox<Extract<Receiver<'remote-delivery'>, 'resolver' | 'remote-delivery'>> };

/** Answers for a message at `here` with recipients of this domain. */
export async function whereIs(parts: CourseParts, here: Destination, domain: string, id: QueueId): Promise<Whereabouts> {
  const { route } = parts.directory.route(domain);
  const resolver: Whereabouts = { kind: 'elsewhere', mailbox: { role: 'resolver', key: domain } };
  const config = parts.config();
  const { messagesPerConnection } = siteBudget(config.sites, here, domain);
  if (here.transport === 'smarthost') {
    if (route.transport !== 'smarthost' || route.host !== here.host || route.port !== here.port) return resolver;
    // Routes to one host may differ in their credentials: connections are shared only where all is the same.
    return { kind: 'here', course: { pool: `smarthost/${JSON.stringify(route)}`, nextHop: () => smarthostNextHop(route), messagesPerConnection } };
  }
  const resolution = route.transport === 'dns' ? await parts.resolutions.lookup(domain) : null;
  if (resolution?.kind !== 'hosts') return resolver;
  if (resolution.site === here.site)
    return { kind: 'here', course: { pool: `dns/${here.site}`, nextHop: () => dnsNextHop(resolution, config.resolver), messagesPerConnection } };
  const elsewhere: Destination = { transport: 'dns', site: resolution.site };
  const key = destinationKey(elsewhere, partitionFor(id, siteBudget(config.sites, elsewhere, domain).partitions));
  return { kind: 'elsewhere', mailbox: { role: 'remote-delivery', key } };
}
