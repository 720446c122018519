// Delivery into many mailboxes until the last message is visible over IMAP. Seen the same way for every server: a session of each account,
// logged in before, nothing selected, asks STATUS INBOX (MESSAGES) from the last 250 on, until it says all.
import { setTimeout as wait } from 'node:timers/promises';
import { cpuSeconds, processesOf } from '../measure.ts';
import type { Figures } from '../results.ts';
import { startSource } from '../source.ts';
import { type ImapSession, openImap } from './imap.ts';
import { accountName, type MailTarget } from './mail-target.ts';
import type { MailboxScenario } from './scenarios.ts';
import { inParallel, openAll } from './sessions.ts';

type Delivery = Extract<MailboxScenario, { kind: 'delivery' }>;

const SESSIONS = 50;
const WATCHERS = 16;
const AGAIN = 10;
const SETTLE = 2000;

export async function runDelivery({ mailboxes, messages, size }: Delivery, target: MailTarget, signal: AbortSignal): Promise<Figures> {
  const sessions = await openAll(mailboxes, (index) => openImap(target.imap, index));
  try {
    // The first message of each mailbox, which makes what there must be, is not counted.
    await deliver(target, sessions, mailboxes, size, 1, signal);
    await wait(SETTLE, undefined, { signal });
    const cpu = () => cpuSeconds(processesOf(target.roots(), target.mark));
    const before = cpu();
    const { startedAt, accepted, visible, failures } = await deliver(target, sessions, messages, size, 1 + messages / mailboxes, signal);
    await wait(SETTLE, undefined, { signal });
    const rate = (end: number) => (messages * 1000) / (end - startedAt);
    return {
      visible: rate(visible),
      accepting: rate(accepted),
      seconds: (visible - startedAt) / 1000,
      cpuPer1000: ((cpu() - before) * 1000) / messages,
      failures,
    };
  } finally {
    for (const session of sessions) session.close();
  }
}

/** Sends to one mailbox after the other; when all have `expected` messages, all are visible. */
async function deliver(target: MailTarget, sessions: readonly ImapSession[], messages: number, size: number, expected: number, signal: AbortSignal) {
  const source = startSource({ port: target.port, messages, size, sessions: SESSIONS, recipient: (number) => accountName(number % sessions.length) });
  const stop = () => source.stop();
  signal.addEventListener('abort', stop, { once: true });
  const { startedAt, failures } = await source.done;
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  const accepted = performance.now();
  await inParallel(WATCHERS, sessions.length, (index) => untilThere(sessions[index] as ImapSession, expected, signal));
  return { startedAt, accepted, visible: performance.now(), failures };
}

async function untilThere(session: ImapSession, expected: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { start } = await session.ok('STATUS INBOX (MESSAGES)');
    const there = Number(/MESSAGES (\d+)/.exec(start)?.[1]);
    if (there === expected) return;
    if (!(there < expected)) throw new Error(`expected ${expected} messages: ${start}`);
    await wait(AGAIN, undefined, { signal });
  }
}
