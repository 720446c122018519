// `stafette mailbox list [ADDRESS]`: mailboxes with their messages and sizes.
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import { openMail } from '../stores.ts';
import { size, table } from '../terminal.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import { accountAddress } from './account-of.ts';
import type { MailboxVerb } from './mailbox-command.ts';

export const listMailboxes: MailboxVerb = async (words, _line, config, output) => {
  if (words.length > 1) throw new UsageError('mailbox list: expected no more than one address');
  await using mail = await openMail(config);
  const addresses = words[0] === undefined ? await Array.fromAsync(mail.accounts()) : [accountAddress(words[0])];
  const listed = [];
  for (const address of addresses) {
    const account = await mail.account(address);
    if (account) listed.push(...(await mailboxesOf(account)));
  }
  if (listed.length === 0 && words[0] !== undefined) throw new CommandError(`${addresses[0]} has no mail here`);
  if (output.json({ mailboxes: listed })) return 0;
  const rows = listed.map(({ account, name, specialUse, messages, unseen, bytes }) => [
    account,
    String(messages),
    String(unseen),
    size(bytes),
    `${name}${specialUse === null ? '' : ` (${specialUse})`}`,
  ]);
  for (const row of table([['ACCOUNT', 'MESSAGES', 'UNSEEN', 'SIZE', 'MAILBOX'], ...rows])) output.print(row);
  return 0;
};

async function mailboxesOf(account: AccountStore) {
  const { mailboxes } = await account.listing();
  const status = await account.status(mailboxes.map(({ id }) => id));
  return mailboxes.flatMap(({ id, name, specialUse }) => {
    const found = status.get(id);
    return found ? [{ account: account.address, name, specialUse, messages: found.messages, unseen: found.unseen, bytes: found.size }] : [];
  });
}
