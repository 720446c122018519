// Messages for tests of the mail store: made, appended, read back.
import { expect } from 'vitest';
import type { AccountStore, Appending } from '../account-store.ts';
import type { MailboxStore, MessageInfo } from '../mailbox-store.ts';
import type { Mailstore } from '../mailstore.ts';
import { ALL_UIDS, type UidSet } from '../uid-set.ts';

/** INTERNALDATE of what is appended. */
export const RECEIVED = Date.UTC(2024, 1, 29, 12);

export interface Message {
  readonly subject?: string;
  readonly header?: string;
  readonly body?: string;
}

export function octets({ subject = 'hello', header = '', body = 'text\r\n' }: Message = {}): Buffer {
  return Buffer.from(`From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: ${subject}\r\n${header}\r\n${body}`);
}

export async function* pieces(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
}

export async function appended(
  account: AccountStore,
  mailbox: string,
  messages: readonly Message[],
  flags: readonly string[] = [],
): Promise<readonly number[]> {
  const append = (await account.append(mailbox)) as Appending;
  for (const message of messages) expect(await append.add(pieces(octets(message)), { flags, receivedAt: RECEIVED })).toEqual({ kind: 'added' });
  const result = await append.commit();
  return result.kind === 'appended' ? result.uids : [];
}

export async function messagesOf(mailbox: MailboxStore, uids: UidSet = ALL_UIDS): Promise<MessageInfo[]> {
  return (await Array.fromAsync(mailbox.messages(uids, { index: true, thread: true }))).flat();
}

export async function textOf(message: MessageInfo, start?: number, end?: number): Promise<string> {
  return Buffer.concat(await Array.fromAsync(message.content.read(start, end))).toString();
}

export interface Someone {
  readonly account: AccountStore;
  readonly inbox: MailboxStore;
  readonly address: string;
}

/** A new account. */
export async function someone(store: Mailstore, name: string): Promise<Someone> {
  const address = `${name}@sessions.example`;
  await store.ensureAccount(address);
  const account = (await store.account(address)) as AccountStore;
  return { account, address, inbox: await opened(account, 'INBOX') };
}

export async function opened(account: AccountStore, name: string): Promise<MailboxStore> {
  const found = await account.find(name);
  if (!found) throw new Error(`no mailbox ${name}`);
  return account.open(found.id);
}
