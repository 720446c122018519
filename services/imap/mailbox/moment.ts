// A mailbox's history in this process: a chain of moments, each with the change that leads to the next. A session is a pointer to the
// last moment that its client was told of; what no session points to any more is garbage, so nothing needs to be trimmed.

/** What happened between two moments. */
export interface Change {
  /** Expunged, ascending; all of them were there at the moment before. */
  readonly vanished: Uint32Array;
  /** Messages of both moments with new flags, ascending by UID. */
  readonly changed: readonly FlagsChange[];
  /** UIDs from this on that came are \Recent to whoever is told first (RFC 3501 section 2.3.2). */
  readonly recentFrom: number;
  /** Somebody was. */
  recentTaken: boolean;
}

export interface FlagsChange {
  readonly uid: number;
  readonly flags: number;
  readonly modseq: number;
}

export class Moment {
  /** Ascending; its index plus one is a message's sequence number. Never written to. */
  readonly uids: Uint32Array;
  readonly uidnext: number;
  readonly highestmodseq: number;
  #next: { readonly change: Change; readonly moment: Moment } | null = null;

  constructor(uids: Uint32Array, uidnext: number, highestmodseq: number) {
    this.uids = uids;
    this.uidnext = uidnext;
    this.highestmodseq = highestmodseq;
  }

  /** What came after, or null for the present. */
  get next(): { readonly change: Change; readonly moment: Moment } | null {
    return this.#next;
  }

  /** Appends to the chain; once for each moment. */
  follow(change: Change, moment: Moment): void {
    this.#next = { change, moment };
  }
}
