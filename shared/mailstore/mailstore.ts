// The mail store: mailboxes, messages and UIDs in SQL, content beside it. The core that delivery needs; IMAP and POP3 add to it.

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
   * Files one content for these owners; durable when it resolves. Concurrent calls share transactions. A mailbox that is
   * gone is INBOX. Throws SpoolFullError when the disk is full; after any throw the call may be repeated.
   */
  deliver(content: Buffer | AsyncIterable<Buffer>, size: number, deliveries: readonly LocalDelivery[]): Promise<readonly DeliveryResult[]>;
  /** Creates the account's row, INBOX, Sent, Drafts, Junk and Trash when missing. */
  ensureAccount(address: string): Promise<void>;
  hasAccount(address: string): Promise<boolean>;
  /** Messages of a mailbox in UID order, for tests and tools. */
  list(account: string, mailbox: string): Promise<readonly { uid: number; size: number; queueId: string }[]>;
  /** The whole message as the owner reads it: own header first. */
  read(account: string, mailbox: string, uid: number): Promise<Buffer>;
  /** Gives back content that no message refers to: what a crash left between content and rows. Runs hourly by itself. */
  sweep(): Promise<{ removed: number }>;
  close(): Promise<void>;
}
