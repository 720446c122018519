// The message record: the truth about one queued message. Jobs and tells only name it.
// Fields are only ever added; a reader keeps what it does not know and puts a record that is too new back.
import type { Config } from '#shared/config/schema.ts';
import type { Envelope, Notify } from '#shared/mail/envelope.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { QueueId } from './queue-id.ts';

/** The newest version that this code reads, and writes unless `queue.record_version` says less. A record above it is put back for a newer reader. */
export const RECORD_VERSION = 2 satisfies Config['queue']['record_version'];

/** Recipients that share a field at most: a script that changes one of them takes it apart in one go. */
export const SHARED = 128;

/** The first version whose readers know fields that several recipients share (codec.ts). */
export const SHARED_FIELDS = 2;

/** Where the message came from: what the Received header and the trace tell. */
export type Origin =
  | {
      readonly kind: 'smtp';
      readonly client: string;
      readonly helo: string;
      readonly tls?: string;
      /** The authenticated identity. */
      readonly user?: string;
    }
  | { readonly kind: 'dsn'; readonly parent: QueueId };

/** What is written once, at commit. */
export interface MessageHead {
  readonly version: number;
  readonly envelope: Envelope;
  readonly origin: Origin;
  /** Bytes of content, our own Received header included. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly messageId?: string;
  /** W3C traceparent of the transaction that received it. */
  readonly traceparent?: string;
  /** Received header fields seen in the content (RFC 5321 section 6.3), and Delivered-To addresses, counted at ingress. */
  readonly hops: number;
  readonly deliveredTo?: readonly string[];
}

/**
 * - `queued`: waits at `mailbox` for its next attempt.
 * - `owed`: its outcome is final, a DSN about it is not yet committed.
 * - `done`: nothing more to do.
 */
export type RecipientState = 'queued' | 'owed' | 'done';

export type Transport = 'local' | 'dns' | 'smarthost' | 'error';

/** One delivery recipient: what the router's expansion made of one envelope recipient. */
export interface Recipient {
  /** Its number in the record: dense from 0, never reused. */
  readonly number: number;
  readonly address: string;
  /** Number of the envelope recipient it came from. */
  readonly of: number;
  readonly transport: Transport;
  /** The domain whose route or MX applies (kept while delayed: its site is looked up again). */
  readonly domain: string;
  readonly notify?: readonly Notify[];
  readonly orcpt?: string;
  /** The reverse-path for this recipient when it is not the envelope's (lists). */
  readonly reversePath?: string;
  /** Which rule of the configuration chose this: for the trace. */
  readonly rule: string;
  readonly state: RecipientState;
  /** `role` or `role:key` of the mailbox where it waits; a wake-up from elsewhere is stale. */
  readonly mailbox: string;
  /** Attempts made so far. */
  readonly attempts: number;
  /** The last outcome. */
  readonly last?: Outcome;
  /** When that outcome was committed, milliseconds since the epoch. */
  readonly lastAttemptAt?: number;
  /** When it was decided to tell the sender of the delay (once), milliseconds since the epoch. */
  readonly warnedAt?: number;
}

/** Where content is: in the record itself, or at a cold location. */
export type ContentPlace = { readonly tier: 'hot'; readonly content?: Buffer } | { readonly tier: 'cold'; readonly location: string };
