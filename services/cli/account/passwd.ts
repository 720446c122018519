// `stafette account passwd ADDRESS`: another password for an account; sessions that are open stay open.
import { openAccounts } from '../stores.ts';
import { CommandError } from '../usage-error.ts';
import type { AccountVerb } from './account-command.ts';
import { addressOf, configured } from './account-name.ts';
import { newPassword } from './new-password.ts';

export const changePassword: AccountVerb = async (line, config, output) => {
  const address = addressOf(line);
  const found = await configured(line, config, address);
  if (found === 'account with a password') throw new CommandError(`the password of ${address} stands in the configuration: change it there`);
  await using accounts = await openAccounts(config);
  const known = (await accounts.find([address])).length > 0;
  if (!known && found !== 'account without a password') throw new CommandError(`there is no account ${address}`);
  const { hash, made } = await newPassword(line.options);
  if (!(await accounts.setPassword(address, hash))) await accounts.add({ address, passwordHash: hash, limited: 0, createdAt: output.now() });
  if (output.json({ address, ...(made !== null && { password: made }) })) return 0;
  output.print(`${address} has a new password, in force within seconds`);
  if (made !== null) output.print(`password: ${made} (shown this once)`);
  return 0;
};
