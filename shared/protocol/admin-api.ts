// What the admin API answers, as JSON: services/admin writes it, services/cli reads it. Times are milliseconds since the epoch.
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { ActorRole } from './topology.ts';

/** Of every answer that is not 2xx. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

/** GET /v1/status */
export interface StatusAnswer {
  readonly at: number;
  /** Why no new mail is taken, or null. */
  readonly refusing: string | null;
  /** Null while Redis is away. */
  readonly queue: {
    readonly messages: number;
    readonly bytes: number;
    readonly hotBytes: number;
    readonly redisUsedBytes: number;
    readonly redisMaxBytes: number;
    readonly deadLetters: number;
    readonly roles: readonly { readonly role: ActorRole; readonly due: number; readonly delayed: number; readonly oldestDueAge: number }[];
  } | null;
}

/** One delivery recipient of a queued message. */
export interface QueuedRecipient {
  readonly number: number;
  readonly address: string;
  /** The envelope recipient that it came from. */
  readonly original: string;
  readonly state: 'queued' | 'owed' | 'done';
  readonly transport: string;
  readonly domain: string;
  /** Which rule of the configuration chose this. */
  readonly rule: string;
  readonly mailbox: string;
  readonly attempts: number;
  readonly last?: Outcome;
  /** When it is tried next; null while it is being tried. */
  readonly due?: number | null;
  /** Until then the circuit of its site is open. */
  readonly circuitUntil?: number;
}

export interface QueuedMessage {
  readonly id: string;
  readonly state: 'held' | 'incoming' | 'deferred' | 'active' | 'owed';
  readonly receivedAt: number;
  /** Empty for the null reverse-path. */
  readonly sender: string;
  readonly envelopeRecipients: readonly string[];
  readonly size: number;
  readonly messageId?: string;
  readonly tier: 'hot' | 'cold';
  readonly recipients: readonly QueuedRecipient[];
  /** When an unrouted message is routed; null while it is being routed. */
  readonly due?: number | null;
}

/** GET /v1/queue */
export interface QueueAnswer {
  readonly messages: readonly QueuedMessage[];
  /** For the next page; null on the last. */
  readonly cursor: string | null;
  /** False when time ran out before everything was looked at. */
  readonly complete: boolean;
}

/** GET /v1/queue/ID: the whole record, without content. */
export interface MessageAnswer {
  readonly message: QueuedMessage;
  readonly head: Readonly<Record<string, unknown>>;
}

/** Why a message that was meant is as it was; `lost`: nothing will wake it, it is a dead letter. */
export type Unchanged = 'held' | 'not held' | 'due' | 'gone' | 'lost';

/** POST and DELETE: how many were meant, and for how many it changed anything. A flush of everything counts a message once at each place where it waits. */
export interface ChangeAnswer {
  readonly matched: number;
  readonly changed: number;
  /** Why the others are as they were, where there are any. Not of dead letters. */
  readonly unchanged?: Readonly<Partial<Record<Unchanged, number>>>;
}

export interface DeadLetterEntry {
  readonly mailbox: string;
  readonly entry: string;
  readonly error: string;
  readonly at: number;
}

/** GET /v1/dead-letters */
export interface DeadLettersAnswer {
  readonly deadLetters: readonly DeadLetterEntry[];
}

/** One message's life and, while it is queued, where it stands now. */
export interface TracedMessage {
  readonly id: string;
  readonly at: number;
  readonly sender: string;
  readonly messageId: string | null;
  /** Of a DSN: the message that it reports. */
  readonly parent: string | null;
  readonly events: readonly { readonly at: number; readonly kind: string; readonly detail: Readonly<Record<string, unknown>> }[];
  readonly now: QueuedMessage | null;
  readonly deadLetters: readonly DeadLetterEntry[];
}

/** GET /v1/trace */
export interface TraceAnswer {
  readonly messages: readonly TracedMessage[];
  /** False when the trace database is behind: the newest events are missing. */
  readonly complete: boolean;
}
