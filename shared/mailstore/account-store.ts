// One account of the mail store as a session sees it: its tree of mailboxes, subscriptions, quota and flags. Holds no connection and
// no lock: keep it as long as the session. Names are Unicode (NFC), levels divided by `/`, `INBOX` in capitals.
import type { MailboxStore } from './mailbox-store.ts';
import type { Refusal } from './refusal.ts';

/** Divides the levels of mailbox names (RFC 9051 section 5.1.1). */
export const SEPARATOR = '/';
/** Mailbox names are at most this many octets of UTF-8, in at most 32 levels. */
export const MAX_NAME = 1000;

export interface MailboxInfo {
  /** Never used again. MAILBOXID (RFC 8474 section 4) is `objectId`. */
  readonly id: number;
  readonly objectId: string;
  readonly name: string;
  /** RFC 6154 section 2, e.g. `\Sent`. */
  readonly specialUse: SpecialUse | null;
  /** Differs between all mailboxes that the account ever had: name, UIDVALIDITY and UID never name another message (RFC 9051 section 2.3.1.1). */
  readonly uidvalidity: number;
}

export type SpecialUse = '\\Archive' | '\\Drafts' | '\\Junk' | '\\Sent' | '\\Trash';

export interface Listing {
  /**
   * By name. A parent that has no mailbox of its own (it was deleted) is not here: list it as `\NonExistent` (RFC 9051
   * section 7.3.1) when the pattern asks for it, as `\Noselect` to IMAP4rev1.
   */
  readonly mailboxes: readonly MailboxInfo[];
  /** Names that are subscribed, with and without a mailbox (RFC 9051 section 6.3.7: they outlive it). */
  readonly subscriptions: ReadonlySet<string>;
}

/** RFC 9051 section 6.3.11 and RFC 7162 section 3.1.2. Sizes in octets. */
export interface MailboxStatus {
  readonly messages: number;
  readonly uidnext: number;
  readonly uidvalidity: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly size: number;
  readonly highestmodseq: number;
  /** RFC 3501 section 2.3.2: what the next session to select it read-write will see as \Recent. */
  readonly recent: number;
}

/** RFC 9208. `null` is no limit; sizes in octets (IMAP's STORAGE resource counts units of 1,024). */
export interface Quota {
  readonly usedBytes: number;
  readonly limitBytes: number | null;
  readonly usedMessages: number;
  readonly limitMessages: number | null;
}

/** A message's flags as a number: bits for the system flags, and which set of keywords. Equal numbers are equal flags. */
export type FlagCode = number;
/** RFC 9051 section 2.3.2: `code & SYSTEM_FLAGS['\\Seen']` tells. */
export const SYSTEM_FLAGS = { '\\Answered': 1, '\\Flagged': 2, '\\Deleted': 4, '\\Seen': 8, '\\Draft': 16 } as const;

export interface AccountStore {
  readonly id: number;
  readonly address: string;

  /** All mailboxes and subscriptions in one query: what LIST, LSUB, LIST-EXTENDED and LIST-STATUS choose from. */
  listing(): Promise<Listing>;
  /** The mailbox with this name; null when there is none. INBOX in any case is INBOX. */
  find(name: string): Promise<MailboxInfo | null>;
  /**
   * RFC 9051 section 6.3.4, RFC 6154 section 3: makes the mailbox and the parents it lacks. Not subscribed. A trailing `/` is ignored.
   * ALREADYEXISTS; CANNOT for a name that is refused (empty level, control characters, `*`, `%`, too long); LIMIT above 10,000
   * mailboxes; USEATTR when the use is taken.
   */
  create(name: string, specialUse?: SpecialUse): Promise<{ readonly kind: 'created'; readonly mailbox: MailboxInfo } | Refusal>;
  /**
   * RFC 9051 section 6.3.5: removes the mailbox and its messages; its children stay, and its name is then listed for their sake
   * only. The subscription stays. NONEXISTENT; HASCHILDREN for a name that is only a parent; CANNOT for INBOX.
   */
  delete(name: string): Promise<{ readonly kind: 'deleted'; readonly mailbox: MailboxInfo } | Refusal>;
  /**
   * RFC 9051 section 6.3.6: with its children, making parents of the new name. Renaming INBOX moves its messages into a new
   * mailbox and leaves INBOX empty and its children alone. Subscriptions stay as they are. NONEXISTENT, ALREADYEXISTS, CANNOT, LIMIT.
   */
  rename(from: string, to: string): Promise<{ readonly kind: 'renamed' } | Refusal>;
  /** RFC 9051 section 6.3.7. A name without a mailbox may be subscribed; LIMIT above 10,000. */
  subscribe(name: string): Promise<{ readonly kind: 'subscribed' } | Refusal>;
  /** RFC 9051 section 6.3.8. Idempotent. */
  unsubscribe(name: string): Promise<void>;
  /** Status of these mailboxes in one query, by id; without one that is gone. */
  status(mailboxes: readonly number[]): Promise<ReadonlyMap<number, MailboxStatus>>;
  quota(): Promise<Quota>;

  /** The mailbox with this id, without a query; a mailbox that is gone shows at the first call. */
  open(mailbox: number): MailboxStore;
  /**
   * Begins an APPEND to the mailbox with this name. TRYCREATE when there is none. The account is not locked meanwhile.
   * Flags as in storeFlags; \Recent is ignored.
   */
  append(name: string): Promise<Appending | Refusal>;

  /** The flags of a code that this account's calls gave out, system flags first, for FETCH FLAGS. The same array for the same code. */
  flagNames(code: FlagCode): readonly string[];
}

export interface AppendedMessage {
  readonly flags: readonly string[];
  /** INTERNALDATE, milliseconds since the epoch; absent: now. */
  readonly receivedAt?: number;
  /** Octets to come, when known: refused early if they do not fit. More than announced is refused, too. */
  readonly size?: number;
}

/** RFC 3502: all messages of one APPEND, or none. Content goes to the content store as it streams in. */
export interface Appending {
  readonly kind: 'appending';
  /**
   * Stores and parses one message; the stream is read with backpressure, and to its end even when the answer is a refusal, so
   * that the session stays in step. An error of the stream is thrown on: then call abort. OVERQUOTA, CANNOT (a keyword by its form),
   * LIMIT (flags; 1,000 messages or 32 M characters of text in one APPEND).
   */
  add(content: AsyncIterable<Buffer>, message: AppendedMessage): Promise<{ readonly kind: 'added' } | Refusal>;
  /**
   * Files what was added, in one transaction; after a refusal by `add`, refuses likewise and files nothing. UIDs in order
   * (RFC 4315 section 3, APPENDUID). OVERQUOTA, TRYCREATE when the mailbox has gone.
   */
  commit(): Promise<{ readonly kind: 'appended'; readonly mailbox: number; readonly uidvalidity: number; readonly uids: readonly number[] } | Refusal>;
  /** Gives everything back. Idempotent; does nothing after commit. */
  abort(): Promise<void>;
}
