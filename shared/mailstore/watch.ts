// Notification of changes that any process made: which mailbox, never what: the listener then asks changesSince. Types only.
// Lost notifications are made good: after an interruption of Redis every watcher is told to look again.

/** What to hear of: one mailbox, or an account with all its mailboxes and their names. Ids as in AccountStore and MailboxInfo. */
export type Watched = { readonly account: number; readonly mailbox?: number };

export type MailboxEvent =
  /** Messages came, went or changed; `highestmodseq` as committed: nothing to ask when you already have it. */
  | { readonly kind: 'changed'; readonly mailbox: number; readonly highestmodseq: number }
  /** Mailboxes were made, deleted or renamed, or subscriptions changed. Only to watchers of a whole account. */
  | { readonly kind: 'mailboxes' }
  /** The mailbox was deleted: its methods throw MailboxGoneError. */
  | { readonly kind: 'gone'; readonly mailbox: number }
  /** Notifications may have been lost: ask changesSince of whatever you watch. */
  | { readonly kind: 'look-again' };

export interface Watching {
  /** Idempotent. No call of the listener after it. */
  stop(): void;
}

/**
 * Registers `listener`. It is called after commit, also for changes made by this process and through the caller itself, at most
 * once an event; it must return at once and not throw. Events of two processes come in any order: only the highest modseq counts. Without Redis only this process's changes are told. Resolves when
 * notifications flow, or at once with Redis away: then `look-again` comes when it is back.
 */
export type Watch = (watched: Watched, listener: (event: MailboxEvent) => void) => Promise<Watching>;
