// Opens what all roles of a process share: actor system, spool with its cold store, admission, mail store, directory.
// It owns them all and closes them in reverse. What can fail: Redis away or not durable, a database away, a directory.
import { join } from 'node:path';
import { createActorSystem } from '#shared/actor/actor-system.ts';
import { createConnector } from '#shared/actor/redis.ts';
import { createAccountSource } from '#shared/directory/account-source.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { createResolutionCache } from '#shared/directory/resolution-cache.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import type { Role } from '#shared/protocol/topology.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import { startJanitor } from '#shared/spool/janitor.ts';
import { startMonitor } from '#shared/spool/monitor.ts';
import { createSpool } from '#shared/spool/redis-spool.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { Host } from '../host.ts';
import { createFullMailboxes } from './full-mailboxes.ts';
import { OperatorError } from './operator-error.ts';

export type Stores = Pick<Host, 'actors' | 'spool' | 'admission' | 'directory' | 'resolutions' | 'mailstore'>;
export type StoreUser = Pick<Host, 'config' | 'clock' | 'log' | 'metrics'>;

/** Roles that file or read mail. */
const MAIL_ROLES: ReadonlySet<Role> = new Set(['local-mailbox', 'imap', 'pop3', 'admin']);

/** Rejects when a store cannot be opened; those opened before it are closed again. */
export async function openStores(user: StoreUser, roles: readonly Role[]): Promise<Stores & { close(): Promise<void> }> {
  await using opened = new AsyncDisposableStack();
  const { clock, log, metrics } = user;
  const config = user.config();
  const system = await opening('Redis', createActorSystem({ config, clock, log, metrics, scripts: Object.values(spoolScripts) }));
  opened.defer(() => system.close());
  const cold = await opening('the cold store', openDirectoryStore({ directory: join(config.data_dir, 'content'), minFree: config.queue.min_free, clock, log }));
  opened.defer(() => cold.close());
  const parts = { system, cold, config: user.config, clock, log, metrics };
  const spool = createSpool(parts);
  opened.defer(() => spool.close());
  const admission = await startMonitor(parts);
  opened.defer(() => admission.stop());
  // One role of every installation keeps house; more would only compete for the same work.
  if (roles.includes('router')) {
    const janitor = startJanitor(parts);
    opened.defer(() => janitor.stop());
  }
  const readsMail = roles.some((role) => MAIL_ROLES.has(role));
  const mailstore = readsMail ? await opening('the mail store', openMail(user)) : closedMailstore();
  opened.defer(() => mailstore.close());
  const accounts = createAccountSource({ url: config.mailstore.database, file: join(config.data_dir, 'mail.sqlite'), clock, log });
  opened.defer(() => accounts.close());
  const full = createFullMailboxes(readsMail ? async () => mailstore : () => openMail(user), clock);
  if (!readsMail) opened.defer(() => full.close());
  const stores = {
    actors: system,
    spool,
    admission,
    mailstore,
    directory: createDirectory(user.config, { accounts, isFull: full.isFull }),
    resolutions: createResolutionCache(system.reader, config.redis.prefix, clock),
  };
  const kept = opened.move();
  return { ...stores, close: () => kept.disposeAsync() };
}

/** A store that does not open is the operator's to mend: its message is the line to print. */
async function opening<T>(what: string, store: Promise<T>): Promise<T> {
  return store.catch((error: Error) => {
    throw new OperatorError(`${what} cannot be used: ${error.message}`, { cause: error });
  });
}

/** Imported only where it is used: its database library is not small. */
async function openMail({ config, clock, log }: StoreUser): Promise<Mailstore> {
  const { openMailstore } = await import('#shared/mailstore/open-mailstore.ts');
  const { data_dir, mailstore, queue, redis } = config();
  const quotas = { quota: () => config().mailstore.quota, quotaMessages: () => config().mailstore.quota_messages };
  const changes = { connector: createConnector(redis, undefined, log), prefix: redis.prefix };
  return openMailstore({ database: mailstore.database, dataDir: data_dir, ...quotas, minFree: queue.min_free, redis: changes, clock, log });
}

/** For a process whose roles file and read no mail. */
function closedMailstore(): Mailstore {
  const refuse = (): never => {
    throw new Error('no role of this process uses the mail store');
  };
  const delivery = { deliver: refuse, ensureAccount: refuse, hasAccount: refuse, room: refuse, list: refuse, read: refuse };
  const reading = { account: refuse, accounts: refuse, removeAccount: refuse, setQuota: refuse, watch: refuse };
  return { ...delivery, ...reading, sweep: refuse, check: refuse, backupIndex: refuse, close: async () => {} };
}
