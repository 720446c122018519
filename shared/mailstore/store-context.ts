// What every part of the mail store works with, and how it changes things: one transaction, then the notifications and the content that it
// freed. Nothing is told or removed before the commit; what a crash leaves undone then, the sweep and the watchers' polls make good.
import type { Transaction } from 'kysely';
import { type ColdStore, SpoolFullError } from '#shared/spool/cold-store.ts';
import { type Database, isDeadlock, isDiskFull } from '#shared/sql/database.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Notifier } from './notifier.ts';
import type { MailstoreTables } from './schema.ts';
import type { StoredSnapshots } from './stored-snapshots.ts';

/** 0 is none. */
export interface QuotaLimits {
  readonly bytes: number;
  readonly messages: number;
}

export interface StoreContext {
  readonly database: Database<MailstoreTables>;
  readonly contents: ColdStore;
  readonly clock: Clock;
  readonly log: Logger | undefined;
  readonly notifier: Notifier;
  readonly quota: () => QuotaLimits;
  readonly snapshots: StoredSnapshots;
}

export interface Change {
  readonly db: Transaction<MailstoreTables>;
  /** The mailbox has a new highest modseq. */
  changed(account: number, mailbox: number, highestmodseq: number): void;
  /** The account's mailboxes or subscriptions are others. */
  mailboxesChanged(account: number): void;
  gone(account: number, mailbox: number): void;
  /** Content whose last reference went. */
  freed(locations: readonly string[]): void;
}

/** PostgreSQL ends one of two transactions that wait for each other; our order of locks should leave none. */
const ATTEMPTS = 3;
const REMOVED_AT_ONCE = 64;

/** Runs `work`, once more after a deadlock, in a transaction; tells watchers and gives content back once it is committed. Throws SpoolFullError when the database's disk is full. */
export async function change<T>(context: StoreContext, work: (change: Change) => Promise<T>): Promise<T> {
  const { notifier, database } = context;
  for (let attempt = 1; ; attempt++) {
    const effects: (() => void)[] = [];
    const locations: string[] = [];
    const doing = (db: Transaction<MailstoreTables>): Promise<T> =>
      work({
        db,
        changed: (account, mailbox, highestmodseq) => effects.push(() => notifier.publish(account, { kind: 'changed', mailbox, highestmodseq })),
        mailboxesChanged: (account) => effects.push(() => notifier.publish(account, { kind: 'mailboxes' })),
        gone: (account, mailbox) => effects.push(() => notifier.publish(account, { kind: 'gone', mailbox })),
        freed: (more) => locations.push(...more),
      });
    try {
      const result = await database.db.transaction().execute(doing);
      for (const effect of effects) effect();
      await giveBack(context, locations);
      return result;
    } catch (error) {
      if (!isDeadlock(error) || attempt === ATTEMPTS) throw asFull(error);
      context.log?.warn({ err: error, attempt }, 'mail store: a transaction was ended for the sake of another');
    }
  }
}

async function giveBack({ contents, log }: StoreContext, locations: readonly string[]): Promise<void> {
  const remove = async (location: string): Promise<void> => {
    try {
      await contents.remove(location);
    } catch (error) {
      log?.warn({ err: error }, 'mail store: content stays until the sweep');
    }
  };
  for (let at = 0; at < locations.length; at += REMOVED_AT_ONCE) await Promise.all(locations.slice(at, at + REMOVED_AT_ONCE).map(remove));
}

function asFull(error: unknown): unknown {
  return isDiskFull(error) ? new SpoolFullError('the disk under the mail store’s database is full', { cause: error }) : error;
}
