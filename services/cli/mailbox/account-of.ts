// The account whose mail a command is about.
import type { Config } from '#shared/config/schema.ts';
import { canonicalAddress, parseAddress } from '#shared/mail/address.ts';
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { Mailstore } from '#shared/mailstore/mailstore.ts';
import { openAccounts } from '../stores.ts';
import { CommandError, UsageError } from '../usage-error.ts';

/** The canonical address. Throws UsageError. */
export function accountAddress(word: string): string {
  const parsed = parseAddress(word);
  if (!parsed.ok || parsed.value.domain === '') throw new UsageError(`${word} is no address such as alice@example.org`);
  return canonicalAddress(parsed.value);
}

/** RFC 9051 section 5.1: INBOX is the one name without case. */
export function mailboxName(name: string): string {
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
}

/** The account in the mail store; one that has had no mail yet gets its mailboxes. Throws CommandError when nobody has that address. */
export async function accountIn(mail: Mailstore, config: Config, address: string): Promise<AccountStore> {
  if (!(await mail.hasAccount(address))) {
    if (!(await isAccount(config, address))) throw new CommandError(`there is no account ${address}: stafette account add ${address}`);
    await mail.ensureAccount(address);
  }
  const account = await mail.account(address);
  if (!account) throw new CommandError(`the account ${address} was removed meanwhile`);
  return account;
}

async function isAccount(config: Config, address: string): Promise<boolean> {
  if (config.accounts.some((account) => accountAddress(account.address) === address)) return true;
  await using accounts = await openAccounts(config);
  return (await accounts.find([address])).length > 0;
}
