// `stafette account quota ADDRESS --quota SIZE`: how much mail an account may hold, in place of mailstore.quota; without --quota that again.
import { bytes } from '#shared/config/units.ts';
import type { Options } from '../arguments.ts';
import { openAccounts, openMail } from '../stores.ts';
import { size } from '../terminal.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import type { AccountVerb } from './account-command.ts';
import { addressOf, configured } from './account-name.ts';

export const setQuota: AccountVerb = async (line, config, output) => {
  const address = addressOf(line);
  const quota = quotaIn(line.options);
  const found = await configured(line, config, address);
  // Only for those of the database is a quota of their own looked at before mail is accepted.
  if (found.startsWith('account')) throw new CommandError(`${address} is an account of the configuration: mailstore.quota is its quota`);
  await using accounts = await openAccounts(config);
  if (!(await accounts.setLimited(address, quota === null ? 0 : 1))) throw new CommandError(`there is no account ${address}`);
  await using mail = await openMail(config);
  await mail.ensureAccount(address);
  await mail.setQuota(address, { bytes: quota, messages: null });
  if (output.json({ address, quota })) return 0;
  output.print(`${address} may hold ${quota === null ? 'what mailstore.quota says' : quota === 0 ? 'any amount of mail' : size(quota)}`);
  return 0;
};

/** Bytes; null when none is named. Throws UsageError. */
export function quotaIn({ quota }: Options): number | null {
  if (quota === undefined) return null;
  const parsed = bytes('0').safeParse(quota);
  if (!parsed.success) throw new UsageError(`--quota ${quota}: expected a size such as 500MB or 2GB, or 0 for none`);
  return parsed.data;
}
