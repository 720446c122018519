// `stafette account add ADDRESS`: makes an account and its mailboxes.
import { openAccounts, openMail } from '../stores.ts';
import { CommandError } from '../usage-error.ts';
import type { AccountVerb } from './account-command.ts';
import { addressOf, configured, refuseForeign } from './account-name.ts';
import { newPassword } from './new-password.ts';
import { quotaIn } from './quota.ts';

export const addAccount: AccountVerb = async (line, config, output) => {
  const address = addressOf(line);
  const quota = quotaIn(line.options);
  const found = await configured(line, config, address);
  refuseForeign(address, found);
  if (found === 'alias') throw new CommandError(`${address} is an alias in the configuration: the account would get no mail`);
  if (found !== 'nothing') throw new CommandError(`${address} is an account of the configuration${withoutPassword(found, address)}`);
  await using accounts = await openAccounts(config);
  if ((await accounts.find([address])).length > 0) throw new CommandError(`${address} is there already`);
  const { hash, made } = await newPassword(line.options);
  await using mail = await openMail(config);
  // The mailboxes first: without the account they do no harm.
  await mail.ensureAccount(address);
  // An account of this name that was removed has left its limit, and perhaps mail: whoever gets the address gets that.
  await mail.setQuota(address, { bytes: quota, messages: null });
  const held = (await (await mail.account(address))?.quota())?.usedMessages ?? 0;
  if (!(await accounts.add({ address, passwordHash: hash, limited: quota === null ? 0 : 1, createdAt: output.now() })))
    throw new CommandError(`${address} is there already`);
  if (output.json({ address, messages: held, ...(made !== null && { password: made }) })) return 0;
  output.print(`${address} added`);
  if (held > 0) output.print(`it has ${held} messages of an account of this name that was removed before`);
  if (made !== null) output.print(`password: ${made} (shown this once)`);
  return 0;
};

function withoutPassword(found: string, address: string): string {
  return found === 'account without a password' ? `; stafette account passwd ${address} gives it a password` : '';
}
