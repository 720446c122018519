// `stafette account list`: every account, where it is kept and how full its mailboxes are.
import type { Config } from '#shared/config/schema.ts';
import { canonicalAddress, parseAddress } from '#shared/mail/address.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openAccounts, openMail } from '../stores.ts';
import { size, table } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import type { AccountVerb } from './account-command.ts';

interface ListedAccount {
  readonly address: string;
  readonly kept: 'configuration' | 'database';
  readonly password: boolean;
  readonly messages: number;
  readonly bytes: number;
  /** Null: no limit. */
  readonly quota: number | null;
}

export const listAccounts: AccountVerb = async ({ words }, config, output) => {
  if (words.length > 2) throw new UsageError('account list takes no words');
  await using accounts = await openAccounts(config);
  await using mail = await openMail(config);
  const stored = new Map((await accounts.list()).map((account) => [account.address, account.passwordHash !== null]));
  const named = new Map(config.accounts.map(({ address, password_hash }) => [canonical(address), password_hash !== undefined]));
  const addresses = [...new Set([...named.keys(), ...stored.keys()])].sort();
  const listed: ListedAccount[] = [];
  for (const address of addresses) {
    const kept = named.has(address) ? 'configuration' : 'database';
    const password = (named.get(address) ?? false) || (stored.get(address) ?? false);
    listed.push({ address, kept, password, ...(await useOf(mail, config, address)) });
  }
  if (output.json({ accounts: listed })) return 0;
  const rows = listed.map(({ address, kept, password, messages, bytes, quota }) => [
    address,
    kept,
    password ? 'yes' : 'no',
    String(messages),
    size(bytes),
    quota === null ? 'none' : size(quota),
  ]);
  for (const row of table([['ACCOUNT', 'KEPT IN', 'PASSWORD', 'MESSAGES', 'SIZE', 'QUOTA'], ...rows])) output.print(row);
  return 0;
};

async function useOf(mail: Mailstore, { mailstore }: Config, address: string): Promise<Pick<ListedAccount, 'messages' | 'bytes' | 'quota'>> {
  const quota = await (await mail.account(address))?.quota();
  // Before its first mail or login an account has no mailboxes.
  if (!quota) return { messages: 0, bytes: 0, quota: mailstore.quota > 0 ? mailstore.quota : null };
  return { messages: quota.usedMessages, bytes: quota.usedBytes, quota: quota.limitBytes };
}

function canonical(text: string): string {
  const parsed = parseAddress(text);
  return parsed.ok ? canonicalAddress(parsed.value) : text;
}
