// The spool: records in Redis, content hot or cold, and every transition of a message's life as one atomic script.
// The contract; shared/spool/redis-spool.ts implements it on the actor runtime.
import type { Envelope } from '#shared/mail/envelope.ts';
import type { Mailbox, PoolRole } from '#shared/protocol/topology.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { Content } from './cold-store.ts';
import type { QueueId } from './queue-id.ts';
import type { ContentPlace, MessageHead, Origin, Recipient } from './record.ts';

/** What the ingress (or the bounce composer) hands over. Content is complete: our trace header fields are in it. */
export interface Incoming {
  readonly id: QueueId;
  readonly envelope: Envelope;
  readonly origin: Origin;
  readonly messageId?: string;
  readonly traceparent?: string;
  readonly hops: number;
  readonly deliveredTo?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** A message of our own (DSN): may use the reserve above the watermarks. */
  readonly reserve?: boolean;
}

/** A unit of work as a wake-up names it: some recipients of one message. */
export interface Work {
  readonly id: QueueId;
  /** Recipient numbers; empty means the whole message (router). */
  readonly recipients: readonly number[];
  /** For bounce: these are only delayed, and their sender is to be told so. They go on waiting where they are. */
  readonly warning?: true;
}

/**
 * A record as read for work: the head, the content's place, and the recipients asked for that still wait here; for bounce the
 * `owed` ones, or for a warning those that are still queued and of whose delay nobody has been told.
 */
export interface MessageView {
  readonly id: QueueId;
  /** The wake-up and the mailbox it was read for. */
  readonly work: Work;
  readonly mailbox: Mailbox;
  readonly head: MessageHead;
  readonly place: ContentPlace;
  /** Recipients of the whole message without a final outcome: who settles so many for good ends it. */
  readonly open: number;
  readonly recipients: readonly Recipient[];
}

/** Proof that we are the activation that may commit: comes with the work, checked inside the script. */
export interface Fence {
  readonly mailbox: Mailbox;
  readonly epoch: number;
}

/** What one attempt made of one recipient. */
export interface Settlement {
  readonly number: number;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** For `delayed`: when to try again, milliseconds since the epoch, and where (default: the same mailbox). */
  readonly next?: { readonly due: number; readonly mailbox?: Mailbox };
  /** For a final outcome: a DSN is owed (the bounce role is told in the same commit). */
  readonly owesDsn: boolean;
  /** For `delayed`: the sender is to be told of the delay (the bounce role is told in the same commit). Once: a second time is passed over. */
  readonly warn?: true;
}

/** What the router's expansion needs of the record: it writes nothing that readers of the record's version do not know. */
export interface Expandable {
  readonly id: QueueId;
  readonly head: Pick<MessageHead, 'version'>;
}

/** A recipient as the router first writes it. */
export type NewRecipient = Omit<Recipient, 'state' | 'mailbox' | 'attempts'> & {
  readonly mailbox: Mailbox;
  /** With `error` transports and other immediate failures: already final. */
  readonly outcome?: Outcome;
  readonly owesDsn?: boolean;
};

export type SettleResult = 'committed' | 'fenced' | 'late';

export interface Spool {
  /** A fresh id on a shard chosen for this process. */
  newId(): QueueId;

  /**
   * Commits a message: content, record, due entry and wake-up of the router, safe on disk (and replicas) when it
   * resolves. `content` is streamed: small stays hot in Redis, large goes to the cold tier first. While Redis is away
   * the same id is replayed for up to `redis.commit_patience` (60 s). Throws SpoolUnavailableError (451) or
   * SpoolFullError (452).
   */
  commit(message: Incoming, content: Buffer | AsyncIterable<Buffer>): Promise<{ size: number }>;

  /**
   * The record for this work, or null when it is gone, done, held, or no longer waits at `mailbox` (the wake-up is then
   * taken away). Throws RecordTooNewError for a version above ours: the entry is put back for a newer reader.
   */
  read(work: Work, mailbox: Mailbox): Promise<MessageView | null>;

  /** Content of a message, wherever it is now. A miss in both tiers throws ContentMissingError: an alarm and a deferral. */
  content(view: Pick<MessageView, 'id' | 'place'>): Promise<Content>;

  /** The router's expansion, written once; a repeat tells the stored one again. */
  expand(message: Expandable, recipients: readonly NewRecipient[], events: readonly TraceEvent[]): Promise<void>;

  /** Moves recipients from one mailbox to another (resolver to remote-delivery, a changed site). */
  move(work: Work, from: Fence | { readonly mailbox: Mailbox<PoolRole> }, to: Mailbox, due: number, events?: readonly TraceEvent[]): Promise<SettleResult>;

  /** Outcomes of an attempt for recipients of one message: state, next due, owed DSNs and trace in one script. */
  settle(
    view: MessageView,
    fence: Fence | { readonly mailbox: Mailbox<PoolRole> },
    settlements: readonly Settlement[],
    events?: readonly TraceEvent[],
  ): Promise<SettleResult>;

  /** Lets a keyed mailbox whose circuit is open probe now, in every shard but `except`. */
  probe(mailbox: Mailbox, except?: number): Promise<void>;

  /**
   * For bounce: commits the DSN (its id derived from what it reports) and closes the recipients it reports, in one
   * transaction. With `dsn` null the recipients are closed without one (NOTIFY=NEVER, a null reverse-path already told).
   * With a warning nothing is closed: what ends is that a warning is owed. `late`: none of these is owed any more.
   */
  settleOwed(work: Work, dsn: { readonly message: Incoming; readonly content: Buffer } | null, events?: readonly TraceEvent[]): Promise<SettleResult>;

  /** The id of the DSN that reports this work: the same for the same report. */
  dsnId(work: Work): QueueId;
}

/** One line of a message's life. Small: it passes through a capped stream into SQL. */
export interface TraceEvent {
  readonly id: QueueId;
  readonly at: number;
  readonly kind:
    | 'received'
    | 'routed'
    | 'resolved'
    | 'attempted'
    | 'delivered'
    | 'relayed'
    | 'delayed'
    | 'failed'
    | 'dsn'
    | 'held'
    | 'released'
    | 'deleted'
    | 'dead-letter'
    | 'replayed';
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A newer version wrote this record. */
export class RecordTooNewError extends Error {
  override readonly name = 'RecordTooNewError';
}

/** Redis is away, or cannot promise durability: 451 4.3.0. */
export class SpoolUnavailableError extends Error {
  override readonly name = 'SpoolUnavailableError';
}
