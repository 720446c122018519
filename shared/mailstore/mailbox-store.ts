// One mailbox of the mail store as a session sees it: by UID, never by sequence number (those belong to the session's view).
// Once the mailbox was deleted every method throws MailboxGoneError, or finds no message; else they throw only when the database or the
// content is away.
import type { Envelope, MessageIndex } from '#shared/mail/mime/parsed-message.ts';
import type { FlagCode, SpecialUse } from './account-store.ts';
import type { Refusal } from './refusal.ts';
import type { SearchCriterion, SortOrder } from './search-criteria.ts';
import type { UidSet } from './uid-set.ts';

/** Columns of equal length, ascending by UID. UIDs below 2^32, modseqs and codes below 2^53. */
export interface MessageColumns {
  readonly uids: Uint32Array;
  readonly modseqs: Float64Array;
  readonly flags: Float64Array;
}

/** The columns of a whole mailbox. They may be unpacked when first asked for; what SELECT tells of them is there at once. */
export interface MailboxColumns extends MessageColumns {
  readonly count: number;
  /** Each code that a message has, and the place of the first that has it. */
  readonly codes: ReadonlyMap<FlagCode, number>;
}

/** A consistent view of the whole mailbox: what SELECT needs, 100,000 messages in one query without an object for each. */
export interface Snapshot {
  readonly columns: MailboxColumns;
  readonly uidvalidity: number;
  readonly uidnext: number;
  readonly highestmodseq: number;
  readonly specialUse: SpecialUse | null;
  readonly name: string;
  /** UIDs from this on are \Recent to this session (RFC 3501 section 2.3.2); `uidnext` when none is. */
  readonly recentFrom: number;
  /** Keywords that messages of this mailbox have, and those that its FLAGS response should list besides the system flags. */
  readonly keywords: readonly string[];
}

/** What changed after a modseq, consistent, up to `highestmodseq`: ask from there the next time. */
export interface Changes {
  readonly highestmodseq: number;
  readonly uidnext: number;
  /** New messages and messages with changed flags. */
  readonly changed: MessageColumns;
  /**
   * UIDs that were expunged. When the modseq asked from is older than what is remembered (30 days, and 100,000 expunges a
   * mailbox), all UIDs below uidnext that do not exist: more than asked for, as RFC 7162 section 3.2.5.2 permits.
   */
  readonly vanished: UidSet;
}

/** With what the mailbox is now. */
export interface ChangesNow extends Changes {
  readonly name: string;
  /** The first UID that is \Recent to whoever asked. */
  readonly recentFrom: number;
}

/** What of a message FETCH wants to know. `index` costs most, the envelope out of it a fraction: leave both out when flags, dates and sizes will do. */
export interface MessageWants {
  readonly index?: boolean;
  readonly envelope?: boolean;
  /** The THREADID. */
  readonly thread?: boolean;
}

export interface MessageInfo {
  readonly uid: number;
  readonly modseq: number;
  readonly flags: FlagCode;
  /** INTERNALDATE, milliseconds since the epoch (RFC 9051 section 2.3.3). */
  readonly receivedAt: number;
  /** RFC822.SIZE in octets: own header and content. */
  readonly size: number;
  /** RFC 8474 section 5: EMAILID and THREADID. */
  readonly emailId: string;
  /** Empty unless wanted. */
  readonly threadId: string;
  readonly content: MessageContent;
  /** ENVELOPE, BODYSTRUCTURE with offsets, header fields; null unless wanted. */
  readonly index: MessageIndex | null;
  /** Null unless it or the index is wanted. */
  readonly envelope: Envelope | null;
}

/**
 * The octets of a message: `ownHeader` (whole fields, CRLF-terminated; belongs to the header, RFC 5322 section 2.2) followed by
 * the shared content. `index` counts offsets from the start of the shared content: add `ownHeader.length`.
 */
export interface MessageContent {
  readonly ownHeader: Buffer;
  /** Octets, own header included. */
  readonly size: number;
  /**
   * Octets from `start` up to, not including, `end` (default: all), counted over own header and content, as a stream with
   * backpressure; ending early is fine. Throws ContentMissingError when the last copy was expunged meanwhile.
   */
  read(start?: number, end?: number): AsyncIterable<Buffer>;
  /** All octets, and at once where they are few. Content that is not there throws here, before the first octet. */
  open(): Promise<Octets>;
}

export type Octets = Iterable<Buffer> | AsyncIterable<Buffer>;

export type FlagChange = 'add' | 'remove' | 'replace';

export interface FlagsStored {
  readonly kind: 'stored';
  /** Messages whose flags are now different, with their new modseq. Without those that already were so: they keep their modseq. */
  readonly changed: MessageColumns;
  /** Refused because they changed after `unchangedSince` (RFC 7162 section 3.1.3, MODIFIED). */
  readonly modified: UidSet;
  readonly highestmodseq: number;
}

/** RFC 4315 section 3 (COPYUID): `from[i]` became `to[i]`. Empty when none of the UIDs exists: then the untagged answer is left out. */
export interface Copied {
  readonly kind: 'copied';
  readonly uidvalidity: number;
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

export interface Found {
  /** Ascending. */
  readonly uids: Uint32Array;
  /** Highest modseq of what was found; 0 when nothing was (RFC 7162 section 3.1.5). */
  readonly highestmodseq: number;
}

/** For THREAD (RFC 5256 section 3), ascending by UID. */
export interface ThreadRow {
  readonly uid: number;
  /** Sent date, else INTERNALDATE: milliseconds since the epoch. */
  readonly sentAt: number;
  readonly messageId: string | null;
  /** Oldest first: References, else the first of In-Reply-To. */
  readonly references: readonly string[];
  /** Base subject (RFC 5256 section 2.1), case-folded. */
  readonly subject: string;
  readonly isReply: boolean;
}

/** Who holds the POP3 lock. */
export interface LockHolder {
  /** The process or pod: for people. */
  readonly holder: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

export type LockResult = { readonly kind: 'locked'; readonly lock: MailboxLock } | ({ readonly kind: 'in-use' } & LockHolder);

export interface MailboxLock {
  /** Aborted when the lock could not be renewed in time and another session may hold it: end the session, delete nothing. */
  readonly lost: AbortSignal;
  /** Idempotent; never throws: what cannot be released expires by itself. */
  release(): Promise<void>;
}

export interface MailboxStore {
  readonly id: number;

  /**
   * The whole mailbox. `claimRecent` (SELECT, not EXAMINE or STATUS) makes what is \Recent so to this session alone
   * (RFC 3501 section 2.3.2).
   */
  snapshot(options?: { readonly claimRecent?: boolean }): Promise<Snapshot>;
  /** What changed after `modseq`: for IDLE, NOOP, QRESYNC. `claimRecent` as above, for new messages: `recentFrom` is their first UID. */
  changesSince(modseq: number, options?: { readonly claimRecent?: boolean }): Promise<ChangesNow>;

  /** The messages among `uids` that exist, ascending, in batches as they are asked for: each batch is one query. */
  messages(uids: UidSet, wants?: MessageWants): AsyncIterable<readonly MessageInfo[]>;

  /**
   * RFC 9051 section 6.4.6, RFC 7162 section 3.1.3. System flags in any case, keywords are case-insensitive and keep the spelling that
   * came first; \Recent is ignored. One modseq for all. UIDs that do not exist are passed over. Refused: LIMIT (more than 100 keywords
   * on a message, a keyword above 128 octets, too many combinations in the account), CANNOT (no keyword by its form).
   */
  storeFlags(uids: UidSet, change: FlagChange, flags: readonly string[], unchangedSince?: number): Promise<FlagsStored | Refusal>;
  /** RFC 9051 section 6.4.7: into the mailbox with this name, all or none, flags and dates kept. TRYCREATE, OVERQUOTA. */
  copy(uids: UidSet, to: string): Promise<Copied | Refusal>;
  /** RFC 6851: as copy, and expunged here, in the same transaction. Also into the same mailbox (new UIDs). TRYCREATE. */
  move(uids: UidSet, to: string): Promise<Copied | Refusal>;
  /**
   * Removes those of `uids` that exist; for IMAP (`deleted`) only those with \Deleted (RFC 9051 section 6.4.3, RFC 4315 section 2.1), for POP3
   * all. Returns what went, ascending, and the modseq it went with. Content goes with its last copy.
   */
  expunge(uids: UidSet, only: 'deleted' | 'all'): Promise<{ readonly uids: Uint32Array; readonly highestmodseq: number }>;

  /** RFC 9051 section 6.4.4. Strings match as substrings, without case. Only committed state; messages the session has not seen may be among them. */
  search(criterion: SearchCriterion): Promise<Found>;
  /** RFC 5256 section 3: as search, but in this order, UID last. */
  sort(criterion: SearchCriterion, order: SortOrder): Promise<Found>;
  /** RFC 5256 section 3: what the threading of the messages found needs. */
  threadRows(criterion: SearchCriterion): Promise<readonly ThreadRow[]>;

  /**
   * RFC 1939 section 4: exclusive among POP3 sessions of all processes; held by a lease of 30 s that is renewed, so that it dies with its
   * process. `holder` says for people who holds it. IMAP and delivery are not held up.
   */
  lock(holder: string): Promise<LockResult>;
}
