// What export writes to. Types only.
import type { MailboxInfo } from '#shared/mailstore/account-store.ts';
import type { MessageInfo } from '#shared/mailstore/mailbox-store.ts';

export type ExportedMessage = Pick<MessageInfo, 'uid' | 'receivedAt' | 'content'> & { readonly flagNames: readonly string[] };

export interface ExportedMailbox {
  readonly name: string;
  readonly messages: number;
  /** The others were there from an earlier run. */
  readonly written: number;
  /** Those of an earlier run that are no longer in the mailbox: removed, if that was asked for. */
  readonly gone: number;
}

export interface MailTarget {
  /** Makes the folder. Throws CommandError when it holds something else. */
  prepare(): Promise<void>;
  /** Writes the messages, ascending by UID, and reads them back. Throws CommandError when what is read is not what was written. */
  mailbox(mailbox: Pick<MailboxInfo, 'name' | 'uidvalidity'>, messages: AsyncIterable<ExportedMessage>): Promise<ExportedMailbox>;
  /** Folders or files of an earlier run whose mailboxes are not among these, by their names in the target: removed, if that was asked for. */
  others(names: readonly string[]): Promise<readonly string[]>;
}
