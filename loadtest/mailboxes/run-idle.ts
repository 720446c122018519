// A thousand sessions in IDLE, one for each mailbox: the memory of all server processes, the time until every session is told of one message sent to
// its mailbox, all at once, and at a steady rate the time from DATA to the notification, delivery included.
import { setTimeout as wait } from 'node:timers/promises';
import { processesOf, proportionalSetSize } from '../measure.ts';
import type { Figures } from '../results.ts';
import { type Source, type SourceOptions, startSource } from '../source.ts';
import { latencies, percentile } from '../statistics.ts';
import { type ImapSession, openImap } from './imap.ts';
import { accountName, type MailTarget } from './mail-target.ts';
import type { MailboxScenario } from './scenarios.ts';
import { openAll } from './sessions.ts';

type Idle = Extract<MailboxScenario, { kind: 'idle' }>;

const SIZE = 2048;
const SESSIONS = 20;
/** What servers do after a login is done by then; Dovecot may gather news for half a second. */
const SETTLE = 5000;

export async function runIdle({ mailboxes, rate, seconds }: Idle, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  const watch = new Watch(mailboxes);
  const sessions = await openAll(mailboxes, (index) => openIdle(target.imap, index, watch));
  try {
    await wait(SETTLE, undefined, { signal });
    const members = processesOf(target.roots(), target.mark);
    const memory = { pssMb: proportionalSetSize(members) / 1024 ** 2, processes: members.length };
    const { source } = await notifyAll(target, watch, mailboxes, {}, signal);
    const allSeconds = (Math.max(...watch.at) - source.acknowledgements.startedAt) / 1000;
    await wait(SETTLE, undefined, { signal });
    const messages = rate * seconds;
    const { told } = await notifyAll(target, watch, messages, { rate }, signal);
    return { ...memory, allSeconds, rateP50: percentile(told, 0.5), rateP99: percentile(told, 0.99), rateMost: percentile(told, 1) };
  } finally {
    for (const session of sessions) session.close();
  }
}

/** When each mailbox's session was last told of a message. */
class Watch {
  readonly at: Float64Array;
  #left = 0;
  #all: () => void = () => {};

  constructor(mailboxes: number) {
    this.at = new Float64Array(mailboxes);
  }

  told(index: number): void {
    if (this.at[index] !== 0) return;
    this.at[index] = performance.now();
    if (--this.#left === 0) this.#all();
  }

  /** Resolves when `count` mailboxes have been told from now on. */
  expect(count: number): Promise<void> {
    this.at.fill(0);
    this.#left = count;
    return new Promise((resolve) => {
      this.#all = resolve;
    });
  }
}

async function openIdle(port: number, index: number, watch: Watch): Promise<ImapSession> {
  const session = await openImap(port, index);
  await session.ok('SELECT INBOX');
  await session.idle((text) => {
    if (text.includes(' EXISTS')) watch.told(index);
  });
  return session;
}

/** One message to each of the first mailboxes, and the times from DATA to the notification of each. */
async function notifyAll(target: MailTarget, watch: Watch, messages: number, how: Pick<SourceOptions, 'rate'>, signal: AbortSignal) {
  const all = watch.expect(messages);
  const source: Source = startSource({ port: target.port, messages, size: SIZE, sessions: SESSIONS, recipient: accountName, ...how });
  try {
    const over = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    await Promise.race([Promise.all([all, source.done]), over]);
  } finally {
    source.stop();
  }
  return { source, told: latencies(source.acknowledgements.dataAt, watch.at) };
}
