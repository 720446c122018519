// One of the k partitions of a site, each an actor of its own: its share of the site's connections, and what it does for the others.
import type { Config } from '#shared/config/schema.ts';
import { type Destination, destinationKey, type SiteBudget, siteBudget, siteName } from '#shared/protocol/destination.ts';
import type { Spool } from '#shared/spool/spool.ts';
import type { Logger } from '#shared/telemetry/log.ts';

export interface PartitionParts {
  readonly config: () => Config;
  readonly spool: Pick<Spool, 'probe'>;
  readonly log: Logger;
}

export class Partition {
  readonly #parts: PartitionParts;
  readonly #destination: Destination;
  readonly #number: number;
  readonly #shard: number;
  /** What the rules say, by what it was asked for: a window is asked for at each turn. */
  #known: { readonly rules: Config['sites']; readonly domain: string | undefined; readonly budget: SiteBudget } | undefined;

  constructor(parts: PartitionParts, destination: Destination, number: number, shard: number) {
    this.#parts = parts;
    this.#destination = destination;
    this.#number = number;
    this.#shard = shard;
  }

  /** Our part of the site's connections; `domain`, one of the site's, may be named by a rule. */
  share(domain: string | undefined): number {
    const { connections, partitions } = this.#budget(domain);
    // Partition 0 has the remainder's first, and each has at least one.
    return Math.max(1, Math.floor((connections + partitions - 1 - (this.#number % partitions)) / partitions));
  }

  /** The site is well: its other partitions need not wait for the times of their own probes. */
  letOthersProbe(domain: string | undefined): void {
    const { spool, log } = this.#parts;
    const { partitions } = this.#budget(domain);
    for (let each = 0; each < partitions; each++) {
      const mailbox = { role: 'remote-delivery', key: destinationKey(this.#destination, each) } as const;
      const own = each === this.#number ? this.#shard : undefined;
      const site = siteName(this.#destination);
      spool.probe(mailbox, own).catch((error: Error) => log.warn({ site, err: error.message }, 'a partition waits for its own probe'));
    }
  }

  #budget(domain: string | undefined): SiteBudget {
    const rules = this.#parts.config().sites;
    if (this.#known?.rules !== rules || this.#known.domain !== domain) this.#known = { rules, domain, budget: siteBudget(rules, this.#destination, domain) };
    return this.#known.budget;
  }
}
