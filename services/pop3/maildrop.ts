// The maildrop of one session: INBOX as it was at login, held by an exclusive lock, with the marks that DELE set. Owns the lock. What is marked
// is removed by `update` alone, which only QUIT calls. Fails with the store's errors.
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { LockHolder, MailboxLock, MailboxStore, Octets } from '#shared/mailstore/mailbox-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { rangesOf } from '#shared/mailstore/uid-set.ts';
import { MessageReader } from './message-reader.ts';

/** A message by its number, from 1 in the order of arrival. */
export interface Message {
  readonly number: number;
  readonly size: number;
  readonly uniqueId: string;
}

export type Opening = { readonly kind: 'open'; readonly maildrop: Maildrop } | ({ readonly kind: 'in-use' } & LockHolder);

/** The UID that no message has: "all". */
const LAST_UID = 4_294_967_295;

/** Locks and reads the INBOX of this account. `holder` tells people who has the lock. */
export async function openMaildrop(store: Mailstore, address: string, holder: string): Promise<Opening> {
  const mailbox = await inboxOf(await accountOf(store, address));
  const result = await mailbox.store.lock(holder);
  if (result.kind === 'in-use') return result;
  try {
    const uids: number[] = [];
    const sizes: number[] = [];
    for await (const batch of mailbox.store.messages([[1, LAST_UID]])) {
      for (const { uid, size } of batch) {
        uids.push(uid);
        sizes.push(size);
      }
    }
    return { kind: 'open', maildrop: new Maildrop(mailbox.store, result.lock, mailbox.uidvalidity, Uint32Array.from(uids), Float64Array.from(sizes)) };
  } catch (error) {
    await result.lock.release();
    throw error;
  }
}

/** An account may be older than its first mail. */
async function accountOf(store: Mailstore, address: string): Promise<AccountStore> {
  const known = await store.account(address);
  if (known) return known;
  await store.ensureAccount(address);
  const made = await store.account(address);
  if (!made) throw new Error(`account ${address} was removed while it logged in`);
  return made;
}

async function inboxOf(account: AccountStore): Promise<{ store: MailboxStore; uidvalidity: number }> {
  const inbox = await account.find('INBOX');
  if (!inbox) throw new Error(`account ${account.address} has no INBOX`);
  return { store: account.open(inbox.id), uidvalidity: inbox.uidvalidity };
}

export class Maildrop {
  readonly #mailbox: MailboxStore;
  readonly #lock: MailboxLock;
  readonly #uidvalidity: number;
  readonly #uids: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #deleted = new Set<number>();
  readonly #reader: MessageReader;

  constructor(mailbox: MailboxStore, lock: MailboxLock, uidvalidity: number, uids: Uint32Array, sizes: Float64Array) {
    this.#mailbox = mailbox;
    this.#lock = lock;
    this.#uidvalidity = uidvalidity;
    this.#uids = uids;
    this.#sizes = sizes;
    this.#reader = new MessageReader(mailbox, uids);
  }

  /** Aborted when another session may have the maildrop: this one must end and remove nothing. */
  get lost(): AbortSignal {
    return this.#lock.lost;
  }

  /** Messages not marked as deleted, and their octets. */
  get total(): { readonly count: number; readonly octets: number } {
    let octets = 0;
    for (const { size } of this.messages()) octets += size;
    return { count: this.#uids.length - this.#deleted.size, octets };
  }

  /** Messages not marked as deleted, ascending. */
  *messages(): Generator<Message> {
    for (let number = 1; number <= this.#uids.length; number++) {
      const message = this.message(number);
      if (message) yield message;
    }
  }

  /** The message with this number; null when there is none, or it is marked as deleted. */
  message(number: number): Message | null {
    const uid = this.#uids[number - 1];
    if (uid === undefined || this.#deleted.has(number)) return null;
    // RFC 1939 section 7: it never changes, and is never given to another message, for neither UIDVALIDITY nor UIDs come back.
    return { number, size: this.#sizes[number - 1] ?? 0, uniqueId: `${this.#uidvalidity}.${uid}` };
  }

  /** The octets of a message; null when another session (IMAP) has removed it. */
  read(number: number): Promise<Octets | null> {
    return this.#reader.read(number);
  }

  delete(number: number): void {
    this.#deleted.add(number);
  }

  reset(): void {
    this.#deleted.clear();
  }

  /** Removes what is marked; durable when it resolves with how many that were. Throws when the lock was lost: nothing is removed then. */
  async update(): Promise<number> {
    if (this.#deleted.size === 0) return 0;
    if (this.lost.aborted) throw new Error('the lock of the maildrop was lost');
    const gone = await this.#mailbox.expunge(rangesOf(this.#marked()), 'all');
    return gone.uids.length;
  }

  /** Gives the lock back. Idempotent. */
  release(): Promise<void> {
    this.#reader.close();
    return this.#lock.release();
  }

  *#marked(): Generator<number> {
    for (const [index, uid] of this.#uids.entries()) if (this.#deleted.has(index + 1)) yield uid;
  }
}
