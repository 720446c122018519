// What the comparison of mailboxes needs of a mail server: SMTP in, IMAP and POP3 out, and a way to fill one mailbox that is not timed.
import { createHash } from 'node:crypto';
import type { Target } from '../targets/target.ts';

export interface MailTargetOptions {
  /** On the disk under test; the target keeps everything in it, and finds there what an earlier start has left. */
  readonly directory: string;
  /** Accounts `u0` and so on, of load.example. */
  readonly accounts: number;
  /** Processes of each role, for a target that can be split. */
  readonly split?: number;
}

export interface MailTarget extends Target {
  readonly imap: number;
  readonly pop3: number;
}

export interface MailServer {
  readonly target: string;
  readonly variant?: string;
  start(options: MailTargetOptions): Promise<MailTarget>;
  /** Fills the inbox of `u0` from a Maildir in its own fastest way, indexes included. It does not run. */
  fill(options: MailTargetOptions, maildir: string): Promise<void>;
}

export const PASSWORD = createHash('sha256').update('load test').digest('hex').slice(0, 16);

export function accountName(index: number): string {
  return `u${index}@load.example`;
}
