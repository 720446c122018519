// The actor system as services see it: start your actor, tell what topology allows, look at the queues.

import type { ActorRole, KeyedRole, PoolRole } from '#shared/protocol/topology.ts';
import type { KeyedFactory, PoolFactory } from './actor.ts';

export interface RunningActors {
  /** Takes nothing new, lets what runs finish; on abort the leases are given back and the rest is redelivered. */
  drain(signal: AbortSignal): Promise<void>;
  notReady(): string | null;
}

export interface QueueDepth {
  readonly role: ActorRole;
  /** Entries due now or handed out. */
  readonly due: number;
  /** Entries that wait for their time. */
  readonly delayed: number;
  /** Milliseconds since the oldest due entry became due; 0 when none is. */
  readonly oldestDueAge: number;
}

export interface DeadLetter {
  readonly mailbox: string;
  readonly entry: string;
  readonly error: string;
  readonly at: number;
}

export interface ActorSystem {
  startPool(role: PoolRole, factory: PoolFactory): Promise<RunningActors>;
  startKeyed(role: KeyedRole, factory: KeyedFactory): Promise<RunningActors>;
  depths(): Promise<readonly QueueDepth[]>;
  deadLetters(limit: number): Promise<readonly DeadLetter[]>;
  /** Returns how many were replayed or dropped. */
  replayDeadLetter(mailbox: string, entry: string): Promise<boolean>;
  dropDeadLetter(mailbox: string, entry: string): Promise<boolean>;
}
