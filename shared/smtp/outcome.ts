// What became of one attempt for one recipient. A protocol result is a value, never a throw:
// delivered, relayed, delayed or failed, and the DSN data is born here, where the outcome happens.

/** An SMTP reply as received from a next hop (RFC 5321 section 4.2). */
export interface Reply {
  readonly code: number;
  /** RFC 3463, e.g. `5.1.1`, when the server sent one. */
  readonly enhanced?: string;
  /** Text of each line, without code and enhanced code; control characters replaced. */
  readonly lines: readonly string[];
}

/** How an attempt was made: what `stafette trace` and a DSN say about it. */
export interface AttemptFacts {
  /** Host name of the next hop, or of ourselves for a local outcome. */
  readonly host?: string;
  readonly address?: string;
  readonly tls?: { readonly version: string; readonly cipher: string; readonly verified: boolean };
  readonly reply?: Reply;
}

/** Put in a mailbox of ours: final. */
export interface Delivered extends AttemptFacts {
  readonly kind: 'delivered';
}

/** Accepted by the next hop: final. `dsnHonoured` is false when the next hop lacks DSN (RFC 3461 section 5.2.2). */
export interface Relayed extends AttemptFacts {
  readonly kind: 'relayed';
  readonly dsnHonoured: boolean;
}

/** Not now. A `site` delay says something about the destination, a `recipient` delay only about this mail. */
export interface Delayed extends AttemptFacts {
  readonly kind: 'delayed';
  readonly scope: 'site' | 'recipient';
  /** RFC 3463 status, class 4. */
  readonly status: string;
  /** One line for people: the remote reply, or what we saw. */
  readonly diagnostic: string;
  /** True when the final dot was sent and no reply came: it may have been accepted. */
  readonly inDoubt?: boolean;
}

/** Never: a DSN is owed unless NOTIFY forbids it. */
export interface Failed extends AttemptFacts {
  readonly kind: 'failed';
  /** RFC 3463 status, class 5. */
  readonly status: string;
  readonly diagnostic: string;
}

export type Outcome = Delivered | Relayed | Delayed | Failed;
