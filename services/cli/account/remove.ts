// `stafette account remove ADDRESS`: nobody logs in and no mail comes any more. The mail it has is kept, unless --delete-mail says otherwise.
import { openAccounts, openMail } from '../stores.ts';
import { CommandError } from '../usage-error.ts';
import type { AccountVerb } from './account-command.ts';
import { addressOf, configured } from './account-name.ts';

export const removeAccount: AccountVerb = async (line, config, output) => {
  const address = addressOf(line);
  const deleteMail = line.options['delete-mail'] === true;
  const found = await configured(line, config, address);
  if (found.startsWith('account')) throw new CommandError(`${address} is an account of the configuration: remove it there`);
  await using accounts = await openAccounts(config);
  const removed = await accounts.remove(address);
  await using mail = await openMail(config);
  const held = (await (await mail.account(address))?.quota())?.usedMessages ?? null;
  if (!removed && (held === null || !deleteMail))
    throw new CommandError(`there is no account ${address}${held === null ? '' : `; its mail is still there: --delete-mail`}`);
  const deleted = deleteMail && (await mail.removeAccount(address));
  if (output.json({ address, removed, mail: held === null ? 'none' : deleted ? 'deleted' : 'kept', messages: held ?? 0 })) return 0;
  if (removed) output.print(`${address} removed; mail for it is refused within seconds`);
  if (deleted) output.print(`${held} messages deleted`);
  else if (held !== null) output.print(`its ${held} messages are kept: the same address added again has them; --delete-mail deletes them`);
  return 0;
};
