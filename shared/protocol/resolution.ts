// What resolving a domain yields: an ordered list of hosts (a site), or why there is none. Kept in the shared cache as
// JSON: the resolver writes it, the router and remote-delivery read it.

export interface ResolvedHost {
  readonly name: string;
  readonly preference: number;
  /** IPv4 and IPv6 literals, in the order to try. */
  readonly addresses: readonly string[];
}

export type Resolution =
  | {
      readonly kind: 'hosts';
      /** The key of the site: domains with the same MX set share it. */
      readonly site: string;
      /** Ascending preference; random within one is applied by the reader at each use (RFC 5321 section 5.1). */
      readonly hosts: readonly ResolvedHost[];
      /** Milliseconds since the epoch. */
      readonly expiresAt: number;
    }
  /** RFC 7505: 556 5.1.10. */
  | { readonly kind: 'null-mx'; readonly expiresAt: number }
  /** NXDOMAIN, or no MX and no address: 5.1.2 or 5.4.4; or only hosts that are ourselves: 5.4.6. */
  | { readonly kind: 'failed'; readonly status: string; readonly diagnostic: string; readonly expiresAt: number }
  /** SERVFAIL, time-out: 4.4.3, try again. */
  | { readonly kind: 'delayed'; readonly status: string; readonly diagnostic: string; readonly expiresAt: number };

/** Reads the shared cache. It never asks the DNS: who finds nothing here tells the resolver. */
export interface ResolutionReader {
  /** What is known about a domain (lower case, A-labels), or null when nothing is. May be expired: look at `expiresAt`. */
  lookup(domain: string): Promise<Resolution | null>;
}
