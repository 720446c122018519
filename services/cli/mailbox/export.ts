// `stafette mailbox export ADDRESS PATH`: writes an account's mail as a Maildir with folders, or as one mbox file for each mailbox. Run again,
// it goes on where it was, adds what is new, and with --delete removes what is gone.
import type { AccountStore, MailboxInfo } from '#shared/mailstore/account-store.ts';
import { openMail } from '../stores.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import { accountAddress, mailboxName } from './account-of.ts';
import type { ExportedMailbox, ExportedMessage, MailTarget } from './mail-target.ts';
import type { MailboxVerb } from './mailbox-command.ts';
import { createMaildirTarget } from './maildir-target.ts';
import { createMboxTarget } from './mbox-target.ts';
import { type Progress, startProgress } from './progress.ts';

export const exportMail: MailboxVerb = async (words, { options }, config, output) => {
  const [word, path, ...others] = words;
  if (word === undefined || path === undefined || others.length > 0) throw new UsageError('mailbox export: expected ADDRESS PATH');
  const address = accountAddress(word);
  const target = targetOf(options.format ?? 'maildir', path, options.delete === true);
  await using mail = await openMail(config);
  const account = await mail.account(address);
  if (!account) throw new CommandError(`${address} has no mail here`);
  const { mailboxes } = await account.listing();
  const wanted = mailboxes.filter(({ name }) => options.mailbox === undefined || name === mailboxName(options.mailbox));
  if (wanted.length === 0) throw new CommandError(`${address} has no mailbox ${options.mailbox}`);
  await target.prepare();
  const exported = await exportAll(account, wanted, target);
  const messages = exported.reduce((sum, each) => sum + each.messages, 0);
  const written = exported.reduce((sum, each) => sum + each.written, 0);
  const left = options.mailbox === undefined ? await target.others(wanted.map(({ name }) => name)) : [];
  if (output.json({ address, path, mailboxes: exported, others: left })) return 0;
  output.print(`${messages} messages of ${exported.length} mailboxes in ${path}, ${written} written now, all verified by their digests`);
  const gone = exported.reduce((sum, each) => sum + each.gone, 0);
  if (gone + left.length > 0)
    output.print(
      `${gone} messages and ${left.length} mailboxes of an earlier export are no longer in the account: ${options.delete ? 'removed' : '--delete removes them'}`,
    );
  return 0;
};

function targetOf(format: string, path: string, remove: boolean): MailTarget {
  if (format === 'maildir') return createMaildirTarget(path, remove);
  if (format === 'mbox' || format === 'mboxrd') return createMboxTarget(path, remove);
  throw new UsageError(`--format ${format}: expected maildir or mbox`);
}

async function exportAll(account: AccountStore, mailboxes: readonly MailboxInfo[], target: MailTarget): Promise<ExportedMailbox[]> {
  using progress = startProgress('exported');
  const exported: ExportedMailbox[] = [];
  for (const mailbox of mailboxes) {
    progress.at(mailbox.name);
    exported.push(await target.mailbox(mailbox, messagesOf(account, mailbox, progress)));
  }
  return exported;
}

async function* messagesOf(account: AccountStore, { id }: MailboxInfo, progress: Progress): AsyncGenerator<ExportedMessage> {
  for await (const batch of account.open(id).messages([[1, 0xffff_ffff]]))
    for (const { uid, receivedAt, content, flags, size } of batch) {
      yield { uid, receivedAt, content, flagNames: account.flagNames(flags) };
      progress.step(size);
    }
}
