// What an actor is: a factory that returns `{ receive, stop? }`. Private state in the closure, work in, tells out.
// The runtime (runtime.ts and its neighbours) is the only code that knows BullMQ.
import type { KeyedRole, PoolRole } from '#shared/protocol/topology.ts';

/** One entry of a mailbox: ids in text form; the spool encodes and decodes them. */
export type Entry = string;

/** A pool actor: one mailbox, as many concurrent `receive` calls as the runtime allows. */
export interface PoolActor {
  /**
   * Handles one entry. It resolves when everything it had to commit is committed (that is what takes the entry off the
   * mailbox). A throw is a bug or a broken dependency: retried with backoff, then dead-lettered with everything kept.
   */
  receive(entry: Entry): Promise<void>;
  stop?(): Promise<void>;
}

export type PoolFactory = (context: { readonly role: PoolRole }) => PoolActor;

/** What a keyed actor is given when it is activated. */
export interface Activation {
  readonly role: KeyedRole;
  readonly key: string;
  readonly shard: number;
  /** Fences every commit of this activation. */
  readonly epoch: number;
  /** What an earlier activation of this key learnt and saved, or null. */
  readonly learnt: unknown;
  /** Milliseconds for which our lease surely still holds; at or below 0 nothing may be handed to the next hop or committed. */
  leaseLeft(): number;
}

export interface KeyedActor {
  /** Handles one entry; as PoolActor.receive. `handedOutBefore`: an activation that died had it (possibly sent). */
  receive(entry: Entry, facts: { readonly handedOutBefore: boolean }): Promise<void>;
  /** How many entries may be in `receive` at once, now. Read before every pull; 0 pauses until the next settled entry. */
  window(): number;
  /**
   * The circuit: while it returns a time in the future (milliseconds since the epoch), nothing is pulled, the activation
   * ends, and tells do not wake the key before that time. Entries that wait stay due: all go when the probe succeeds.
   */
  closedUntil?(): number | null;
  /** How long (ms) an activation stays with nothing to do; without one, a second. */
  readonly linger?: number;
  /** JSON to be given to the next activation as `learnt` (at most 4 KB), or null for nothing. */
  learnt?(): unknown;
  /** The lease is lost, or the process stops for good: what is under way has to end. */
  abort?(): void;
  stop?(): Promise<void>;
}

export type KeyedFactory = (activation: Activation) => KeyedActor;
