// The hosts of domains for this process: from the cluster's cache while it is fresh, else from the DNS, once for all who ask meanwhile.
// Owns the questions under way. What can fail: the cache, which throws.
import type { Resolution } from '#shared/protocol/resolution.ts';
import type { Host } from '../host.ts';

/** `resolve` asks the DNS; its failures are resolutions too. What it says once `stopping` is aborted may be our own end, and is not kept. */
export function createResolutions(
  host: Pick<Host, 'resolutions' | 'clock' | 'metrics'>,
  resolve: (domain: string) => Promise<Resolution>,
  stopping: AbortSignal,
): (domain: string) => Promise<Resolution> {
  const underWay = new Map<string, Promise<Resolution>>();

  const find = async (domain: string) => {
    const known = await host.resolutions.lookup(domain);
    if (known && !host.resolutions.isStale(domain)) return known;
    const found = await resolve(domain);
    host.metrics.resolutions.inc({ result: found.kind });
    // What still holds is better than `not now`.
    if (known && found.kind === 'delayed' && known.expiresAt > host.clock.now()) return known;
    if (!stopping.aborted) await host.resolutions.store(domain, found);
    return found;
  };

  return (domain) => {
    const asked = underWay.get(domain) ?? find(domain).finally(() => underWay.delete(domain));
    underWay.set(domain, asked);
    return asked;
  };
}
