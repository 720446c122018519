// The views of this process, by mailbox: made for the first session, kept a while after the last, for clients come back soon. Owns them.
import type { AccountStore, MailboxInfo } from '#shared/mailstore/account-store.ts';
import { mailboxName } from '#shared/mailstore/mailbox-names.ts';
import { MailboxGoneError } from '#shared/mailstore/refusal.ts';
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
  readonly mailbox: Pick<MailboxInfo, 'id' | 'objectId'>;
  /** Under which it was asked for last: it may have another by now. */
  name: string;
  /** Whoever asked first for it gets its \Recent. */
  readonly made: Promise<{ readonly view: MailboxView; readonly recentFrom: number }>;
  /** Null while it is being made, or when that failed. */
  view: MailboxView | null;
  watching: Promise<Watching> | null;
  sessions: number;
  expiry: NodeJS.Timeout | null;
}

export class MailboxViews {
  readonly #host: Pick<Host, 'mailstore' | 'log'>;
  readonly #accounts: Accounts;
  readonly #shared = new Map<number, Shared>();
  /** The same by account and name. */
  readonly #named = new Map<string, Shared>();

  constructor(host: Pick<Host, 'mailstore' | 'log'>, accounts: Accounts) {
    this.#host = host;
    this.#accounts = accounts;
  }

  /** Opens the mailbox with this name; null when there is none. `claimRecent`: not for EXAMINE. Throws as the store does. */
  async open(account: AccountStore, name: string, claimRecent: boolean): Promise<OpenedView | null> {
    // One query finds out whether a mailbox that we have still has that name, and what is new in it.
    const stored = mailboxName(name);
    const known = this.#named.get(nameKey(account, stored));
    const again = known && (await this.#use(known, claimRecent, ({ view }) => lookAgain(view, stored, claimRecent)));
    if (again) return again;
    const found = await account.find(stored);
    if (!found) return null;
    const shared = this.#shared.get(found.id);
    if (shared) this.#name(shared, found.name);
    if (shared) return await this.#use(shared, claimRecent, async ({ view }) => (await view.lookNow(claimRecent)).recentFrom);
    return await this.#use(this.#make(account, found, claimRecent), claimRecent, async ({ recentFrom }) => recentFrom);
  }

  /** Null when `look` says so: then it is not used. */
  async #use(shared: Shared, claimRecent: boolean, look: (made: Awaited<Shared['made']>) => Promise<number | null>): Promise<OpenedView | null> {
    if (shared.expiry) clearTimeout(shared.expiry);
    shared.sessions++;
    let recentFrom: number | null = null;
    try {
      const made = await shared.made;
      recentFrom = await look(made);
      if (recentFrom === null) return null;
      if (claimRecent) made.view.claimers++;
      return { view: made.view, recentFrom, release: () => this.#release(shared, claimRecent) };
    } finally {
      if (recentFrom === null) this.#release(shared, false);
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const shared of this.#shared.values()) this.#forget(shared);
  }

  #make(account: AccountStore, mailbox: MailboxInfo, claimRecent: boolean): Shared {
    const { promise: made, resolve } = Promise.withResolvers<{ view: MailboxView; recentFrom: number }>();
    const shared: Shared = { account, mailbox, name: mailbox.name, made, view: null, watching: null, sessions: 0, expiry: null };
    this.#shared.set(mailbox.id, shared);
    this.#name(shared, mailbox.name);
    this.#accounts.keep(account);
    resolve(this.#open(shared, claimRecent));
    return shared;
  }

  #name(shared: Shared, name: string): void {
    this.#unname(shared);
    shared.name = name;
    this.#named.set(nameKey(shared.account, name), shared);
  }

  #unname(shared: Shared): void {
    const key = nameKey(shared.account, shared.name);
    if (this.#named.get(key) === shared) this.#named.delete(key);
  }

  async #open(shared: Shared, claimRecent: boolean) {
    const { account, mailbox } = shared;
    const early: MailboxEvent[] = [];
    const hear = (event: MailboxEvent) => (shared.view ? shared.view.hear(event) : early.push(event));
    shared.watching = this.#host.mailstore.watch({ account: account.id, mailbox: mailbox.id }, hear);
    const store = account.open(mailbox.id);
    const snapshot = await store.snapshot({ claimRecent });
    const view = new MailboxView(store, mailbox, snapshot, this.#host.log);
    shared.view = view;
    for (const event of early) view.hear(event);
    // What other processes did before the watch stood was not heard: it is looked for, but behind the first answer.
    void shared.watching.then(() => setImmediate(() => view.hear({ kind: 'look-again' })));
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
    let messages = unused.reduce((sum, { view }) => sum + (view?.columns.count ?? 0), 0);
    for (const [index, oldest] of unused.entries()) {
      if (unused.length - index <= KEPT_VIEWS && messages <= KEPT_MESSAGES) return;
      messages -= oldest.view?.columns.count ?? 0;
      this.#forget(oldest);
    }
  }

  #forget(shared: Shared): void {
    if (shared.expiry) clearTimeout(shared.expiry);
    void shared.watching?.then((watching) => watching.stop());
    if (this.#shared.get(shared.mailbox.id) !== shared) return;
    this.#shared.delete(shared.mailbox.id);
    this.#unname(shared);
    this.#accounts.release(shared.account);
  }
}

/** The first UID that is \Recent; null when the mailbox has another name now, or is gone. */
async function lookAgain(view: MailboxView, name: string, claimRecent: boolean): Promise<number | null> {
  try {
    const now = await view.lookNow(false);
    if (now.name !== name) return null;
    return claimRecent && now.recentFrom < now.uidnext ? (await view.lookNow(true)).recentFrom : now.recentFrom;
  } catch (error) {
    if (error instanceof MailboxGoneError) return null;
    throw error;
  }
}

function nameKey({ id }: AccountStore, name: string): string {
  return `${id} ${name}`;
}
