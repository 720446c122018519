// SMTP and POP3 clients that work on one mail store at once, each by a seed of its own: what they do is told to a History before it is sent and after
// it is answered. Their connections come and go; each ends by itself when the time is over.
import { setTimeout as pause } from 'node:timers/promises';
import { openLineDialogue } from '#shared/session/testing/line-dialogue.ts';
import { type History, keyOf } from './mail-history.ts';
import { type MailPods, PASSWORD, type Pod } from './mail-pods.ts';
import { greeted, sendOn } from './talk.ts';

export interface Work {
  readonly pods: MailPods;
  readonly history: History;
  readonly random: () => number;
  /** A name for its texts. */
  readonly name: string;
  readonly account: string;
  readonly goesOn: () => boolean;
  /** Processes are killed: a connection may end at any time. */
  readonly killed: boolean;
}

/** Sends to one account or both, over connections that may end. Texts that were refused may have been taken. */
export async function smtpWorker(work: Work & { readonly accounts: readonly string[] }): Promise<void> {
  const { history, random, accounts } = work;
  for (let sent = 0; work.goesOn(); ) {
    let token = '';
    let to: readonly string[] = [];
    try {
      await using dialogue = await greeted(work.pods.front.port, 90_000);
      for (let left = 20; left > 0 && work.goesOn(); left--) {
        token = `${work.name}-${++sent}`;
        to = random() < 0.3 ? accounts : [work.account];
        history.accepted(token, to, 'perhaps');
        await sendOn(dialogue, { to, text: messageOf(token, Math.floor(random() * 5000)) });
        history.accepted(token, to, 'yes');
        history.count('SMTP');
        await pause(random() * 60);
      }
    } catch {
      await pause(100);
    }
  }
}

/** Who has the maildrop now, by account: no two at once. */
export type Holders = Map<string, string>;

export async function pop3Worker(work: Work & { readonly holders: Holders }): Promise<void> {
  while (work.goesOn()) {
    try {
      await pop3Session(work, work.pods.pop3[Math.floor(work.random() * work.pods.pop3.length)] as Pod);
    } catch (error) {
      if (!work.killed) work.history.problem(`${work.name}: ${String(error)}`);
      else await pause(50);
    }
  }
}

async function pop3Session({ history, random, account, name, holders }: Work & { readonly holders: Holders }, { port }: Pod): Promise<void> {
  await using dialogue = await openLineDialogue({ port, patience: 30_000 });
  await dialogue.expect('+OK *');
  const answer = await dialogue.command(`AUTH PLAIN ${Buffer.from(`\0${account}\0${PASSWORD}`).toString('base64')}`);
  if (answer.startsWith('-ERR [IN-USE]')) return void (await pause(40));
  if (!answer.startsWith('+OK')) throw new Error(answer);
  if (holders.has(account)) history.problem(`${name} has the maildrop of ${account}, and ${holders.get(account)} has it`);
  holders.set(account, name);
  try {
    dialogue.send('UIDL');
    await dialogue.expect('+OK *');
    const there = new Map<number, ReturnType<typeof keyOf>>();
    for (let line = await dialogue.line(), last = 0; line !== '.'; line = await dialogue.line()) {
      const [number = 0, uidvalidity = 0, uid = 0] = line.split(/[ .]/).map(Number);
      if (uid <= last) history.problem(`${name}: UIDL ${line} after ${last}`);
      last = uid;
      there.set(number, keyOf(account, uidvalidity, uid));
    }
    const marked = [...there].filter(() => random() < 2 / (there.size + 1));
    for (const [number, key] of marked) {
      const token = await tokenBy(dialogue, number);
      if (token) history.seen(key, token);
      await dialogue.command(`DELE ${number}`, '+OK *');
    }
    history.count('POP3');
    if (random() < 0.25) return; // without QUIT nothing is removed
    const keys = marked.map(([, key]) => key);
    const begun = history.begin({ account, kind: 'expunge', takes: keys, stores: [] });
    holders.delete(account);
    dialogue.send('QUIT');
    await dialogue.expect('+OK *');
    history.end(begun);
    for (const key of keys) history.gone(key);
    history.count('QUIT');
  } finally {
    holders.delete(account);
  }
}

/** Null when another session has removed it. */
async function tokenBy(dialogue: Awaited<ReturnType<typeof openLineDialogue>>, number: number): Promise<string | null> {
  const first = await dialogue.command(`TOP ${number} 0`);
  if (!first.startsWith('+OK')) return null;
  let token: string | null = null;
  for (let line = await dialogue.line(); line !== '.'; line = await dialogue.line()) token = /^X-Token: (\S+)/.exec(line)?.[1] ?? token;
  return token;
}

export const messageOf = (token: string, size: number): string =>
  `From: <a@example.com>\r\nSubject: ${token}\r\nX-Token: ${token}\r\n\r\n${'A line of some length, as people write them.\r\n'.repeat(1 + size / 46)}`;
