// Tells watchers of committed changes: those of this process directly, those of others through Redis publish/subscribe, one channel an account.
// Owns one subscriber and one publishing connection, made when first needed. A message lost is made good: by `look-again` when Redis is
// back, and by a poll of modseqs.
import { randomUUID } from 'node:crypto';
import type { Connector, RedisClient } from '#shared/actor/redis.ts';
import { every } from '#shared/telemetry/every.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { MailboxEvent, Watch, Watched, Watching } from './watch.ts';

export interface NotifierOptions {
  /** Absent: within this process only. */
  readonly redis?: { readonly connector: Connector; readonly prefix: string } | undefined;
  readonly log?: Logger | undefined;
  /** Where the mailboxes of these accounts stand. */
  readonly modseqs: (accounts: readonly number[]) => Promise<readonly { id: number; account_id: number; highestmodseq: number }[]>;
  /** Milliseconds between polls. */
  readonly pollEvery?: number;
}

export interface Notifier {
  readonly watch: Watch;
  /** Never throws and never waits. */
  publish(account: number, event: MailboxEvent): void;
  close(): Promise<void>;
}

type Listener = (event: MailboxEvent) => void;

interface Watcher {
  readonly watched: Watched;
  readonly listener: Listener;
}

const POLL_EVERY = 30_000;
/** Milliseconds that a watch waits for Redis. */
const PATIENCE = 2000;
/** Publications that wait for Redis: more are left to the poll. */
const MOST_WAITING = 10_000;

export function createNotifier(options: NotifierOptions): Notifier {
  const watchers = new Map<number, Set<Watcher>>();
  /** What watchers have been told of each mailbox. */
  const told = new Map<number, number>();
  const tell = (account: number, event: MailboxEvent): void => {
    for (const watcher of watchers.get(account) ?? []) if (isFor(watcher.watched, event)) watcher.listener(event);
    if (event.kind === 'changed' && watchers.has(account)) told.set(event.mailbox, Math.max(event.highestmodseq, told.get(event.mailbox) ?? 0));
  };
  const lookAgain = (): void => {
    for (const account of watchers.keys()) tell(account, { kind: 'look-again' });
  };
  const channels = options.redis ? openChannels(options.redis, { tell, lookAgain, watched: () => watchers.keys() }, options.log) : null;

  async function poll(): Promise<void> {
    if (watchers.size === 0) return told.clear();
    const rows = await options.modseqs([...watchers.keys()]);
    const standing = new Map(rows.map((row) => [row.id, row]));
    for (const mailbox of told.keys()) if (!standing.has(mailbox)) told.delete(mailbox);
    for (const { id, account_id, highestmodseq } of rows) {
      if (told.get(id) !== highestmodseq) tell(account_id, { kind: 'changed', mailbox: id, highestmodseq });
    }
    for (const [account, those] of watchers) {
      for (const { mailbox } of [...those].map(({ watched }) => watched)) {
        if (mailbox !== undefined && !standing.has(mailbox)) tell(account, { kind: 'gone', mailbox });
      }
    }
  }
  const endPolls = every(options.pollEvery ?? POLL_EVERY, () => {
    poll().catch((error: unknown) => options.log?.warn({ err: error }, 'mail store: watched mailboxes cannot be polled'));
  });

  return {
    async watch(watched, listener) {
      const watcher = { watched, listener };
      const those = watchers.get(watched.account) ?? new Set();
      watchers.set(watched.account, those.add(watcher));
      await channels?.subscribe(watched.account);
      return watching(() => {
        if (!those.delete(watcher) || those.size > 0) return;
        watchers.delete(watched.account);
        channels?.unsubscribe(watched.account);
      });
    },
    publish(account, event) {
      tell(account, event);
      channels?.publish(account, event);
    },
    async close() {
      endPolls();
      watchers.clear();
      await channels?.close();
    },
  };
}

const watching = (stop: () => void): Watching => ({ stop });

function isFor({ mailbox }: Watched, event: MailboxEvent): boolean {
  if (mailbox === undefined || event.kind === 'look-again') return true;
  return event.kind !== 'mailboxes' && event.mailbox === mailbox;
}

interface Receiver {
  tell(account: number, event: MailboxEvent): void;
  lookAgain(): void;
  watched(): Iterable<number>;
}

function openChannels({ connector, prefix }: NonNullable<NotifierOptions['redis']>, receiver: Receiver, log: Logger | undefined) {
  const own = randomUUID();
  const base = `${prefix}:mail:`;
  let subscriber: RedisClient | undefined;
  let publisher: RedisClient | undefined;
  let waiting = 0;
  let interrupted = false;

  function subscribed(): RedisClient {
    if (subscriber) return subscriber;
    const client = connector.connect('waiting', 'mail-watch');
    client.on('message', receive);
    client.on('close', () => {
      interrupted = true;
    });
    client.on('ready', () => {
      // What was published meanwhile is lost: nobody may rely on it until the channels are open again.
      if (interrupted) subscribe([...receiver.watched()]).then(receiver.lookAgain, (error: unknown) => log?.warn({ err: error }, 'mail store: cannot watch'));
      interrupted = false;
    });
    subscriber = client;
    return client;
  }
  function receive(channel: string, text: string): void {
    const [from, event] = JSON.parse(text) as [string, MailboxEvent];
    if (from !== own) receiver.tell(Number(channel.slice(base.length)), event);
  }
  async function subscribe(accounts: readonly number[]): Promise<void> {
    if (accounts.length > 0) await subscribed().subscribe(...accounts.map((account) => base + account));
  }

  return {
    async subscribe(account: number): Promise<void> {
      const done = subscribe([account]).catch((error: unknown) => log?.warn({ err: error }, 'mail store: cannot watch'));
      if (!interrupted) await Promise.race([done, patience()]);
    },
    unsubscribe(account: number): void {
      subscriber?.unsubscribe(base + account).catch((error: unknown) => log?.debug({ err: error }, 'mail store: still subscribed'));
    },
    publish(account: number, event: MailboxEvent): void {
      publisher ??= connector.connect('reads', 'mail-tell');
      if (waiting >= MOST_WAITING) return;
      waiting++;
      publisher
        .publish(base + account, JSON.stringify([own, event]))
        .catch((error: unknown) => log?.debug({ err: error }, 'mail store: a change was not published'))
        .finally(() => waiting--);
    },
    async close(): Promise<void> {
      subscriber?.disconnect();
      publisher?.disconnect();
    },
  };
}

/** Of a Redis that hangs; for one that is away nobody waits: `look-again` comes when it is back. */
function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
}
