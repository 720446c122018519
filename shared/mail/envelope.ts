// The envelope (RFC 5321 section 2.3.1): who sends, who receives, and what the client asked of us.
// Pure values: nothing here reads a socket or a store.

/** RFC 3461 section 4.1. `never` excludes the others. Absent NOTIFY means failure (and delay, at our choice). */
export type Notify = 'never' | 'success' | 'failure' | 'delay';

/** RFC 6152: what the client declared in BODY=. */
export type BodyType = '7bit' | '8bitmime';

/** One forward-path with its DSN parameters (RFC 3461 section 4). */
export interface EnvelopeRecipient {
  /** The mailbox as given, without angle brackets: `local-part@domain`, or `postmaster` alone. */
  readonly address: string;
  readonly notify?: readonly Notify[];
  /** ORCPT decoded: `addr-type;address`, e.g. `rfc822;alice@example.com`. */
  readonly orcpt?: string;
}

export interface Envelope {
  /** The reverse-path without angle brackets; the empty string is the null reverse-path `<>`. */
  readonly reversePath: string;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly body: BodyType;
  /** RFC 6531: the client declared SMTPUTF8. */
  readonly smtputf8: boolean;
  /** RFC 3461 section 4.3. */
  readonly ret?: 'full' | 'hdrs';
  /** RFC 3461 section 4.4, decoded from xtext. */
  readonly envid?: string;
}
