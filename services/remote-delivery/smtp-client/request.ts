// What one mail transaction is asked to do, where, and what comes of it: the contract between the SMTP client and its user. Types only.
import type { BodyType, EnvelopeRecipient } from '#shared/mail/envelope.ts';
import type { AttemptFacts, Delayed, Failed, Relayed } from '#shared/smtp/outcome.ts';
import type { Content } from '#shared/spool/cold-store.ts';
import type { Channel } from './channel.ts';
import type { Capabilities } from './ehlo.ts';
import type { Loss } from './loss.ts';

export interface TransactionRequest {
  /** The empty string is the null reverse-path. */
  readonly reversePath: string;
  /** At least one. */
  readonly recipients: readonly EnvelopeRecipient[];
  /** A stream is read once, and destroyed when it is not needed to its end. */
  readonly content: Content;
  /** Octets of content, for SIZE (RFC 1870). */
  readonly size: number;
  readonly body: BodyType;
  /** This content or one of these addresses was declared to need SMTPUTF8. */
  readonly smtputf8: boolean;
  readonly ret?: 'full' | 'hdrs';
  readonly envid?: string;
  /** Asked right before the final dot is handed to the kernel; false gives the transaction up by closing the connection. */
  mayCommit(): boolean;
}

/** The next hop takes no more recipients in this transaction: try this one in the next (RFC 5321 section 4.5.3.1.10). */
export interface NextTransaction {
  readonly kind: 'next-transaction';
}

export type RecipientResult = Relayed | Delayed | Failed | NextTransaction;

export interface TransactionResult {
  /** One per recipient, in their order. */
  readonly results: readonly RecipientResult[];
  /** Why the connection is gone, null while it can be used again. */
  readonly loss: Loss | null;
  /** True when the final dot was handed over. */
  readonly committed: boolean;
  /** The next transaction must begin with RSET. */
  readonly needsReset: boolean;
}

export interface Timeouts {
  /** Milliseconds for the reply to a command, and for each block of content (RFC 5321 section 4.5.3.2). */
  readonly command: number;
  /** Milliseconds for the reply to the final dot (RFC 5321 section 4.5.3.2.6). */
  readonly data: number;
}

/** The session in which a transaction runs. */
export interface Session {
  readonly channel: Channel;
  readonly facts: AttemptFacts;
  readonly offered: Capabilities;
  readonly timeouts: Timeouts;
}
