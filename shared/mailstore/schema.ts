// The mail store's tables as TypeScript: one schema for SQLite and PostgreSQL, made by the migrations in migrations/, which are only
// ever added. Times are milliseconds since the epoch, sizes bytes.
import type { Generated } from 'kysely';
import type { Migration } from '#shared/sql/migrate.ts';
import { createCoreTables } from './migrations/1-core.ts';
import { createAccessTables } from './migrations/2-access.ts';
import { putTextBehind } from './migrations/3-text-behind.ts';
import { createSnapshots } from './migrations/4-snapshots.ts';

export const migrations: readonly Migration[] = [createCoreTables, createAccessTables, putTextBehind, createSnapshots];

export interface MailstoreTables {
  accounts: AccountsTable;
  mailboxes: MailboxesTable;
  subscriptions: SubscriptionsTable;
  contents: ContentsTable;
  content_headers: ContentHeadersTable;
  content_texts: ContentTextsTable;
  index_queue: IndexQueueTable;
  messages: MessagesTable;
  keyword_sets: KeywordSetsTable;
  vanished: VanishedTable;
  deliveries: DeliveriesTable;
  mailbox_locks: MailboxLocksTable;
  mailbox_snapshots: MailboxSnapshotsTable;
}

export interface AccountsTable {
  id: Generated<number>;
  /** The canonical address. */
  address: string;
  created_at: number;
  /** What its messages count against the quota, own headers included. */
  used_bytes: number;
  used_messages: number;
  /** Its own instead of the configured quota; 0 is none. */
  quota_bytes: number | null;
  quota_messages: number | null;
  /** The highest that any of its mailboxes, also of those gone, ever had. */
  last_uidvalidity: number;
}

export interface MailboxesTable {
  id: Generated<number>;
  account_id: number;
  name: string;
  /** RFC 9051 section 2.3.1.1: with the UID it names a message for ever. */
  uidvalidity: number;
  /** The UID that the next message gets. */
  uidnext: number;
  /** RFC 7162 section 3.1.2.1. */
  highestmodseq: number;
  /** RFC 6154 section 2, e.g. `\Sent`. */
  special_use: string | null;
  /** The first UID that no session has claimed as \Recent (RFC 3501 section 2.3.2). */
  recent_uid: Generated<number>;
  /** Expunges up to this modseq are forgotten. */
  vanished_floor: Generated<number>;
}

/** By name, not by mailbox: a subscription outlives its mailbox (RFC 9051 section 6.3.7). */
export interface SubscriptionsTable {
  account_id: number;
  name: string;
}

/** Content is held once, however many messages refer to it. */
export interface ContentsTable {
  /** Our own id for it, under which it lies in the content store. */
  id: string;
  location: string;
  size: number;
  /** SHA-256, hexadecimal. */
  digest: string;
  /** Messages that refer to it; content goes with the last. */
  reference_count: number;
  /** MessageIndex as JSON: what FETCH answers from. Null: delivered by the first version, and not parsed yet. */
  message_index: string | null;
}

/** What SEARCH, SORT and THREAD ask of many messages: small rows, computed once. Texts are folded (text-folding.ts). */
export interface ContentHeadersTable {
  content_id: string;
  thread_id: string;
  message_id: string | null;
  /** Message ids, separated by spaces, oldest first. */
  thread_references: string;
  /** 0 or 1: RFC 5256 section 2.1. */
  is_reply: number;
  /** The Date field; null: unreadable. */
  sent_at: number | null;
  /** Its date as written: days since 1970-01-01. */
  sent_day: number | null;
  sort_subject: string;
  sort_from: string;
  sort_to: string;
  sort_cc: string;
  from_text: string;
  to_text: string;
  cc_text: string;
  bcc_text: string;
  subject_text: string;
  /** Names of fields that `header_text` leaves out, each between spaces. */
  left_fields: string;
}

/** What SEARCH looks at beyond the header's main fields: read behind the delivery, at the latest when it is asked for. */
export interface ContentTextsTable {
  /** The row's number in SQLite's full-text index. */
  seq: Generated<number>;
  content_id: string;
  /** Folded: a line `name: value` for each field. */
  header_text: string;
  /** Folded text of all text parts. */
  body_text: string;
}

/** Contents that the full-text index lacks: searched by reading them until it has them. One that is gone meanwhile may still be named. */
export interface IndexQueueTable {
  content_id: string;
}

export interface MessagesTable {
  mailbox_id: number;
  uid: number;
  modseq: number;
  content_id: string;
  /** Return-Path and Delivered-To: what stands above the shared content for this owner. */
  own_header: string;
  /** RFC 9051 section 2.3.3. */
  internaldate: number;
  /** Own header and content. */
  size: number;
  /** Bits of the system flags and 32 times the number of the keyword set (flag-code.ts). */
  flag_code: number;
  queue_id: string;
  recipient: number;
}

/** Each set of keywords that an account uses, once. */
export interface KeywordSetsTable {
  id: Generated<number>;
  account_id: number;
  /** Sorted, separated by spaces, one before the first and one after the last. */
  keywords: string;
}

/** RFC 7162 section 3.2: UIDs that were expunged, and with which modseq. */
export interface VanishedTable {
  mailbox_id: number;
  modseq: number;
  first_uid: number;
  last_uid: number;
  vanished_at: number;
}

/** What was delivered: outlives the message by 7 days, so that a redelivery finds it. */
export interface DeliveriesTable {
  queue_id: string;
  recipient: number;
  mailbox_id: number;
  uid: number;
  delivered_at: number;
  expunged_at: number | null;
}

/** RFC 1939 section 4: leases, by the database's clock. */
export interface MailboxLocksTable {
  mailbox_id: number;
  token: string;
  holder: string;
  since: number;
  expires_at: number;
}

/** UIDs, modseqs and flag codes of all messages of a large mailbox as they were at `modseq`. A cache: written behind a SELECT that missed it. */
export interface MailboxSnapshotsTable {
  mailbox_id: number;
  modseq: number;
  /** packed-columns.ts. */
  columns: Uint8Array;
}
