// A mailbox's history in this process: a chain of moments, each with the change that leads to the next. A session is a pointer to the
// last moment that its client was told of; what no session points to any more is garbage, so nothing needs to be trimmed.
import type { MailboxColumns } from '#shared/mailstore/mailbox-store.ts';

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
  readonly count: number;
  readonly uidnext: number;
  readonly highestmodseq: number;
  readonly #messages: Pick<MailboxColumns, 'uids'>;
  #next: { readonly change: Change; readonly moment: Moment } | null = null;

  constructor(messages: Pick<MailboxColumns, 'count' | 'uids'>, uidnext: number, highestmodseq: number) {
    this.count = messages.count;
    this.#messages = messages;
    this.uidnext = uidnext;
    this.highestmodseq = highestmodseq;
  }

  /** Ascending; its index plus one is a message's sequence number. Never written to. */
  get uids(): Uint32Array {
    return this.#messages.uids;
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
