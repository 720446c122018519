// `stafette mailbox check [ADDRESS]`: whether index and content agree. Says each problem in a line; exit status 1 when there is any.
import { openMail } from '../stores.ts';
import { size } from '../terminal.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import { accountAddress } from './account-of.ts';
import type { MailboxVerb } from './mailbox-command.ts';

export const checkMail: MailboxVerb = async (words, { options }, config, output) => {
  if (words.length > 1) throw new UsageError('mailbox check: expected no more than one address');
  const account = words[0] === undefined ? undefined : accountAddress(words[0]);
  await using mail = await openMail(config);
  if (account !== undefined && !(await mail.hasAccount(account))) throw new CommandError(`${account} has no mail here`);
  const problems: object[] = [];
  const total = { accounts: 0, mailboxes: 0, messages: 0, bytes: 0 };
  for await (const finding of mail.check({ ...(account !== undefined && { account }), digests: options.digests === true })) {
    if (finding.kind === 'checked') {
      total.accounts++;
      total.mailboxes += finding.mailboxes;
      total.messages += finding.messages;
      total.bytes += finding.bytes;
      continue;
    }
    const { kind, ...problem } = finding;
    problems.push(problem);
    if (!options.json) output.print(`${problem.account} ${problem.mailbox}${problem.uid === null ? '' : ` UID ${problem.uid}`}: ${problem.what}`);
  }
  const status = problems.length > 0 ? 1 : 0;
  if (output.json({ ...total, problems })) return status;
  const how = options.digests ? 'by their digests' : 'by their sizes; --digests reads all of them';
  output.print(`${total.accounts} accounts, ${total.mailboxes} mailboxes, ${total.messages} messages (${size(total.bytes)}) checked ${how}`);
  output.print(problems.length === 0 ? 'no problem found' : `${problems.length} problems found`);
  return status;
};
