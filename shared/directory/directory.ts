// The directory: what this organisation's domains, accounts and aliases are, and which way mail for a domain goes.
// Names are compared as RFC 5321 section 2.4 asks: domains without case; local-parts of ours without case as well.
import type { Route } from '#shared/config/schema.ts';

export interface Account {
  /** The canonical address: `alice@example.org`. */
  readonly address: string;
}

/** What RCPT TO learns about an address. */
export type RecipientVerdict =
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'alias'; readonly targets: readonly string[]; readonly rule: string }
  /** A domain of ours, and no such mailbox: 550 5.1.1. */
  | { readonly kind: 'unknown' }
  /** Not a domain of ours: relay policy decides. */
  | { readonly kind: 'foreign' };

export interface Directory {
  isLocalDomain(domain: string): boolean;
  /** Looks one address up; a promise only where a database has to be asked. `postmaster` without a domain, and postmaster@ each local domain, are always accepted (RFC 5321 section 4.5.1). */
  lookup(address: string): RecipientVerdict | Promise<RecipientVerdict>;
  /** True when the account's mailbox has no room for so many octets: 452 4.2.2. Cheap; right within seconds. */
  isFull(account: Account, size: number): Promise<boolean>;
  /** The account for these credentials, or null. Takes the same time whether or not the account exists. */
  authenticate(user: string, password: string): Promise<Account | null>;
  /** The route for a foreign domain: the most specific rule (`host.example.org`, `.example.org`, `*`), and its name for the trace. */
  route(domain: string): { readonly route: Route; readonly rule: string };
}
