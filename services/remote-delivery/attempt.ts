// What an attempt for one message at one destination is given, and what it tells: the contract between the destination actor and a
// delivery. Types only.
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Lanes } from './lanes.ts';
import type { NextHop } from './next-hop.ts';

/** How to get there. */
export interface Course {
  /** Connections are shared under this name. */
  readonly pool: string;
  /** Throws NextHopError. Asked only when there is no kept connection. */
  readonly nextHop: () => NextHop | Promise<NextHop>;
  readonly messagesPerConnection: number;
}

/** The activation's say in an attempt. */
export interface Guard {
  /** False when the lease is over: nothing may be committed to the next hop any more. */
  mayCommit(): boolean;
  /** The connections that it may use; it cuts them when it must end. */
  readonly lanes: Lanes;
}

export interface Settled {
  readonly recipient: Recipient;
  readonly outcome: Outcome;
}

/** What one transaction did, for logs, traces and the breaker. */
export interface Report {
  readonly settled: readonly Settled[];
  /** Our session with the next hop stood, and it was lost before it gave its answer. */
  readonly lost: boolean;
  /** No session came about. */
  readonly refused: boolean;
  /** How long it took. */
  readonly milliseconds?: number;
  /** What hosts said that did not take the connection, before the one of the outcome. */
  readonly passedOver?: readonly string[];
  /** What is wrong on our side, for the operator's log: outcomes are told to strangers. */
  readonly trouble?: string;
}
