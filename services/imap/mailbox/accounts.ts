// The accounts of the sessions of this process: one AccountStore for all sessions of an account, because flag codes mean something to the
// store that gave them out, and views hand them from session to session. Owns the count of its users.
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';

export class Accounts {
  readonly #mailstore: Mailstore;
  readonly #shared = new Map<number, { readonly account: AccountStore; users: number }>();

  constructor(mailstore: Mailstore) {
    this.#mailstore = mailstore;
  }

  /** The account with this address, made now when nothing was ever delivered to it; to be released. */
  async open(address: string): Promise<AccountStore> {
    const account = (await this.#mailstore.account(address)) ?? (await this.#make(address));
    const { account: shared } = this.#shared.get(account.id) ?? { account };
    this.keep(shared);
    return shared;
  }

  /** Counts one more user of an account that is open. */
  keep(account: AccountStore): void {
    const shared = this.#shared.get(account.id);
    if (shared) shared.users++;
    else this.#shared.set(account.id, { account, users: 1 });
  }

  release({ id }: AccountStore): void {
    const shared = this.#shared.get(id);
    if (shared && --shared.users === 0) this.#shared.delete(id);
  }

  async #make(address: string): Promise<AccountStore> {
    await this.#mailstore.ensureAccount(address);
    const made = await this.#mailstore.account(address);
    if (!made) throw new Error(`the account ${address} was removed while it logged in`);
    return made;
  }
}
