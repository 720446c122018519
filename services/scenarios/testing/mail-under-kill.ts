// Work whose process may be killed at any moment, and what its client knows afterwards: what was answered, and what was not. Owns connections only.
import { setTimeout as pause } from 'node:timers/promises';
import { openLineDialogue } from '#shared/session/testing/line-dialogue.ts';
import { ImapClient } from '../../imap/testing/imap-client.ts';
import { PASSWORD, type Pod } from './mail-pods.ts';
import { greeted, sendOn } from './talk.ts';
import { numbersOf } from './viewing-client.ts';

type GoesOn = () => boolean;

/** Texts of one command: all are there, or none. `uids`: as it was answered; null: it was not. */
export interface Stored {
  readonly texts: readonly string[];
  readonly uids: readonly number[] | null;
}

/** APPENDs one to three messages at a time; `all` grows meanwhile. */
export async function appendWhile(pod: Pod, account: string, mailbox: string, goesOn: GoesOn, all: Stored[] = []): Promise<readonly Stored[]> {
  for (let round = 0; goesOn(); round++) {
    await overConnections(pod, account, async (client) => {
      for (; goesOn(); round++) {
        const texts = Array.from({ length: 1 + (round % 3) }, (_, index) => `${mailbox}-${round}-${index}`);
        const place = all.push({ texts, uids: null }) - 1;
        const literals = texts.map((text) => ` {${messageOf(text).length}+}\r\n${messageOf(text)}`).join('');
        const { tagged } = await client.command(`APPEND ${mailbox}${literals}`);
        const set = /^OK \[APPENDUID \d+ ([\d:,]+)\]/.exec(tagged)?.[1];
        if (set === undefined) throw new Error(tagged);
        all[place] = { texts, uids: numbersOf(set) };
      }
    });
  }
  return all;
}

/** A message and where it is to be; `to`: the UID that COPYUID gave, null: no answer came. */
export interface Moved {
  readonly uid: number;
  readonly to: number | null;
}

/** MOVEs what is in one mailbox to another, two at a time. */
export async function moveWhile(pod: Pod, account: string, from: string, to: string, goesOn: GoesOn): Promise<readonly Moved[]> {
  const all = new Map<number, Moved>();
  let empty = false;
  while (goesOn() && !empty) {
    await overConnections(pod, account, async (client) => {
      await client.ok(`SELECT ${from}`);
      const found = (await client.ok('UID SEARCH ALL')).flatMap((line) => line.match(/\d+/g) ?? []).map(Number);
      for (let at = 0; at < found.length && goesOn(); at += 2) {
        const uids = found.slice(at, at + 2);
        for (const uid of uids) all.set(uid, { uid, to: null });
        const copied = (await client.ok(`UID MOVE ${uids.join(',')} ${to}`)).find((line) => line.includes('COPYUID'));
        const [, sources = '', targets = ''] = /COPYUID \d+ ([\d:,]+) ([\d:,]+)/.exec(copied ?? '') ?? [];
        for (const [index, uid] of numbersOf(sources).entries()) all.set(uid, { uid, to: numbersOf(targets)[index] ?? null });
        await pause(5); // there is to be something left when the process is killed again
      }
      empty = goesOn();
    });
  }
  return [...all.values()];
}

/** Sends to these recipients; resolves with what was acknowledged. */
export async function sendWhile(pod: Pod, name: string, to: readonly string[], goesOn: GoesOn): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  await using dialogue = await greeted(pod.port);
  for (let sent = 0; goesOn(); sent++) {
    await sendOn(dialogue, { to, text: messageOf(`${name}-${sent}`) });
    acknowledged.push(`${name}-${sent}`);
  }
  return acknowledged;
}

export interface Holding extends AsyncDisposable {
  /** QUIT; true: it was answered by +OK, false: not at all. */
  quit(): Promise<boolean>;
}

/** A POP3 session that has the maildrop and has marked the first messages. */
export async function holdMaildrop({ port }: Pod, account: string, marked: number): Promise<Holding> {
  const dialogue = await openLineDialogue({ port, patience: 30_000 });
  await dialogue.expect('+OK *');
  await dialogue.command(`AUTH PLAIN ${plain(account)}`, '+OK *');
  for (let number = 1; number <= marked; number++) await dialogue.command(`DELE ${number}`, '+OK *');
  return {
    quit: () =>
      dialogue.command('QUIT', '+OK *').then(
        () => true,
        () => false,
      ),
    [Symbol.asyncDispose]: () => dialogue[Symbol.asyncDispose](),
  };
}

/** True when the maildrop can be had now. */
export async function canHold({ port }: Pod, account: string): Promise<boolean> {
  await using dialogue = await openLineDialogue({ port });
  await dialogue.expect('+OK *');
  const answer = await dialogue.command(`AUTH PLAIN ${plain(account)}`);
  if (answer.startsWith('+OK')) await dialogue.command('QUIT', '+OK *');
  else if (!answer.startsWith('-ERR [IN-USE]')) throw new Error(answer);
  return answer.startsWith('+OK');
}

/** What is in a mailbox: text by UID. */
export async function textsIn({ port }: Pod, account: string, mailbox: string): Promise<ReadonlyMap<number, string>> {
  await using client = await logIn(port, account);
  await client.ok(`EXAMINE ${mailbox}`);
  const found = await client.ok('UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-Token)])');
  return new Map(found.map((line) => [Number(/UID (\d+)/.exec(line)?.[1]), /^X-Token: (\S+)/im.exec(line)?.[1] ?? '']));
}

/** Connects again after each end, until `work` has ended by itself. Whatever else goes wrong is thrown. */
async function overConnections({ port }: Pod, account: string, work: (client: ImapClient) => Promise<void>): Promise<void> {
  try {
    await using client = await logIn(port, account);
    await work(client);
  } catch (error) {
    if (!/connection has ended|ECONNREFUSED|ECONNRESET/.test(String(error))) throw error;
    await pause(20);
  }
}

async function logIn(port: number, account: string): Promise<ImapClient> {
  const client = await ImapClient.connect({ port, patience: 30_000 });
  try {
    await client.ok(`LOGIN ${account} "${PASSWORD}"`);
    return client;
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

export const messageOf = (text: string): string => `From: <a@example.com>\r\nX-Token: ${text}\r\n\r\n${'x'.repeat(70)}\r\n`;
const plain = (account: string): string => Buffer.from(`\0${account}\0${PASSWORD}`).toString('base64');
