// The views of this process, by mailbox: made for the first session, kept a while after the last, for clients come back soon. Owns them.
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { MailboxEvent, Watching } from '#shared/mailstore/watch.ts';
import type { Host } from '../../host.ts';
import type { Accounts } from './accounts.ts';
import { MailboxView } from './mailbox-view.ts';

/** Milliseconds that a view is kept without a session, and how many such views and messages in them: 20 octets each. */
const KEPT_FOR = 60_000;
const KEPT_VIEWS = 100;
const KEPT_MESSAGES = 1_000_000;

export interface OpenedView {
  readonly view: MailboxView;
  /** The first UID that is \Recent to this session, and to no other when it claimed that. */
  readonly recentFrom: number;
  /** The session no longer needs it; once. */
  release(): void;
}

interface Shared {
  readonly account: AccountStore;
  readonly mailbox: number;
  /** Whoever asked first for it gets its \Recent. */
  readonly made: Promise<{ readonly view: MailboxView; readonly recentFrom: number }>;
  /** Null while it is being made, or when that failed. */
  view: MailboxView | null;
  watching: Watching | null;
  sessions: number;
  expiry: NodeJS.Timeout | null;
}

export class MailboxViews {
  readonly #host: Pick<Host, 'mailstore' | 'log'>;
  readonly #accounts: Accounts;
  readonly #shared = new Map<number, Shared>();

  constructor(host: Pick<Host, 'mailstore' | 'log'>, accounts: Accounts) {
    this.#host = host;
    this.#accounts = accounts;
  }

  /** Opens the mailbox with this id. `claimRecent`: not for EXAMINE. Throws as the store does. */
  async open(account: AccountStore, mailbox: number, claimRecent: boolean): Promise<OpenedView> {
    const known = this.#shared.get(mailbox);
    const shared = known ?? this.#make(account, mailbox, claimRecent);
    if (shared.expiry) clearTimeout(shared.expiry);
    shared.sessions++;
    try {
      const { view, recentFrom } = await shared.made;
      const first = known ? await view.recentFrom(claimRecent) : recentFrom;
      if (claimRecent) view.claimers++;
      return { view, recentFrom: first, release: () => this.#release(shared, claimRecent) };
    } catch (error) {
      this.#release(shared, false);
      throw error;
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const shared of this.#shared.values()) this.#forget(shared);
  }

  #make(account: AccountStore, mailbox: number, claimRecent: boolean): Shared {
    const { promise: made, resolve } = Promise.withResolvers<{ view: MailboxView; recentFrom: number }>();
    const shared: Shared = { account, mailbox, made, view: null, watching: null, sessions: 0, expiry: null };
    this.#shared.set(mailbox, shared);
    this.#accounts.keep(account);
    resolve(this.#open(shared, claimRecent));
    return shared;
  }

  async #open(shared: Shared, claimRecent: boolean) {
    const { account } = shared;
    const early: MailboxEvent[] = [];
    const hear = (event: MailboxEvent) => (shared.view ? shared.view.hear(event) : early.push(event));
    // First the watch, then the look: what happens in between is heard.
    shared.watching = await this.#host.mailstore.watch({ account: account.id, mailbox: shared.mailbox }, hear);
    const store = account.open(shared.mailbox);
    const snapshot = await store.snapshot({ claimRecent });
    const view = new MailboxView(store, snapshot, this.#host.log);
    shared.view = view;
    for (const event of early) view.hear(event);
    return { view, recentFrom: snapshot.recentFrom };
  }

  #release(shared: Shared, claimed: boolean): void {
    if (claimed && shared.view) shared.view.claimers--;
    shared.sessions--;
    if (shared.sessions > 0) return;
    if (!shared.view || shared.view.gone) return this.#forget(shared);
    shared.expiry = setTimeout(() => this.#forget(shared), KEPT_FOR).unref();
    this.#forgetMost();
  }

  /** The oldest go first. */
  #forgetMost(): void {
    const unused = [...this.#shared.values()].filter(({ sessions }) => sessions === 0);
    let messages = unused.reduce((sum, { view }) => sum + (view?.columns.uids.length ?? 0), 0);
    for (const [index, oldest] of unused.entries()) {
      if (unused.length - index <= KEPT_VIEWS && messages <= KEPT_MESSAGES) return;
      messages -= oldest.view?.columns.uids.length ?? 0;
      this.#forget(oldest);
    }
  }

  #forget(shared: Shared): void {
    if (shared.expiry) clearTimeout(shared.expiry);
    shared.watching?.stop();
    if (this.#shared.get(shared.mailbox) !== shared) return;
    this.#shared.delete(shared.mailbox);
    this.#accounts.release(shared.account);
  }
}
