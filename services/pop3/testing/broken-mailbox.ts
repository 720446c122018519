// The real mail store with some methods of its mailboxes replaced: a database or content that fails when a test wants it to.
import type { MailboxStore } from '#shared/mailstore/mailbox-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';

/** Methods in place of the mailbox's own; they get the mailbox itself to go on with. */
export type Replacement = (mailbox: MailboxStore) => Partial<MailboxStore>;

export function withMailboxes(store: Mailstore, replace: Replacement): Mailstore {
  return replaced(store, {
    async account(address) {
      const account = await store.account(address);
      if (!account) return null;
      return replaced(account, {
        open(id) {
          const mailbox = account.open(id);
          return replaced(mailbox, replace(mailbox));
        },
      });
    },
  });
}

function replaced<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_target, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
