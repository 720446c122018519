// The mail store: accounts, mailboxes, messages and UIDs in SQL, content beside it. The contract that local-mailbox, imap, pop3 and the
// command line share; account-store.ts, mailbox-store.ts, search-criteria.ts, refusal.ts and watch.ts are its parts. A broken dependency throws.
import type { AccountStore } from './account-store.ts';
import type { Watch } from './watch.ts';

/** One message for one mailbox owner. */
export interface LocalDelivery {
  /** Queue id and recipient number: a repeat of the same pair is a no-op. */
  readonly queueId: string;
  readonly recipient: number;
  /** The account's canonical address. */
  readonly account: string;
  /** The mailbox name, `INBOX` unless a rule says otherwise. */
  readonly mailbox: string;
  /** This recipient's own trace header fields, CRLF-terminated: Return-Path and Delivered-To. Kept apart from the content. */
  readonly ownHeader: string;
  /** Milliseconds since the epoch (INTERNALDATE). */
  readonly receivedAt: number;
}

export type DeliveryResult =
  | { readonly kind: 'stored'; readonly uid: number; readonly repeated: boolean }
  | { readonly kind: 'no-such-account' }
  | { readonly kind: 'over-quota' };

export interface Mailstore {
  /**
   * Files one content for these owners; durable when it resolves, and then watchers are told. Concurrent calls share
   * transactions. A mailbox that is gone is INBOX. A repeat of a delivery is `repeated` until 7 days after its message was
   * expunged. Throws SpoolFullError when the disk is full; after any throw the call may be repeated.
   */
  deliver(content: Buffer | AsyncIterable<Buffer>, size: number, deliveries: readonly LocalDelivery[]): Promise<readonly DeliveryResult[]>;
  /** Creates the account's row, INBOX, Sent, Drafts, Junk and Trash (RFC 6154 section 2), subscribed, when missing. */
  ensureAccount(address: string): Promise<void>;
  hasAccount(address: string): Promise<boolean>;
  /** The account with this canonical address; null when there is none. Cheap: one query, nothing stays open. */
  account(address: string): Promise<AccountStore | null>;
  /** Octets that still fit: asked at RCPT (452 4.2.2). 0 when no message more may come; Infinity without a limit, and for an unknown account. */
  room(address: string): Promise<number>;
  /** The account's own limits instead of the configured ones: octets and messages, 0 none, null the configured. False: no such account. */
  setQuota(address: string, quota: { readonly bytes: number | null; readonly messages: number | null }): Promise<boolean>;
  /** All accounts, by address: for `stafette mailbox list` and backups. */
  accounts(): AsyncIterable<string>;
  /** Removes the account with its mailboxes and messages; false when there was none. Sessions that are open get MailboxGoneError. */
  removeAccount(address: string): Promise<boolean>;
  /** Messages of a mailbox in UID order, for tests and tools. */
  list(account: string, mailbox: string): Promise<readonly { uid: number; size: number; queueId: string }[]>;
  /** The whole message as the owner reads it: own header first. Throws ContentMissingError. */
  read(account: string, mailbox: string, uid: number): Promise<Buffer>;
  /**
   * Calls `listener` after changes that any process committed to what is watched; see watch.ts. Cheap: no query, no
   * connection of its own (one subscriber connection a process). Resolves when notifications flow.
   */
  readonly watch: Watch;
  /** Gives back content that no message refers to: what a crash left between content and rows. Runs hourly by itself. */
  sweep(): Promise<{ removed: number }>;
  /**
   * Verifies rows against each other and against content: UIDs, counters, references, the size of every content, and with
   * `digests` its SHA-256 too. Changes nothing. Yields each problem as found; what a running delivery does is no problem.
   */
  check(options?: { readonly account?: string; readonly digests?: boolean }): AsyncIterable<CheckFinding>;
  /** Writes a consistent copy of the SQLite index (`VACUUM INTO`) to a new file; PostgreSQL has pg_dump for this, and throws. */
  backupIndex(file: string): Promise<void>;
  close(): Promise<void>;
}

/** What `check` says: a problem, or how far it is. */
export type CheckFinding =
  | { readonly kind: 'problem'; readonly account: string; readonly mailbox: string; readonly uid: number | null; readonly what: string }
  | { readonly kind: 'checked'; readonly account: string; readonly mailboxes: number; readonly messages: number; readonly bytes: number };
