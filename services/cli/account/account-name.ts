// The address that an account command is about: one word, canonical, and what the configuration says of it.
import { DEMO_ACCOUNT } from '#shared/config/builtin.ts';
import type { Config } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { canonicalAddress, parseAddress } from '#shared/mail/address.ts';
import type { CommandLine } from '../arguments.ts';
import { configFile } from '../configuration.ts';
import { CommandError, UsageError } from '../usage-error.ts';

/** The canonical address. Throws UsageError when there is none, or more than one word. */
export function addressOf({ words }: CommandLine): string {
  const [, verb, word, ...others] = words;
  if (word === undefined || others.length > 0) throw new UsageError(`account ${verb}: expected one address`);
  const parsed = parseAddress(word);
  if (!parsed.ok || parsed.value.domain === '') throw new UsageError(`${word} is no address such as alice@example.org`);
  return canonicalAddress(parsed.value);
}

/** What the configuration says of an address. */
export type Configured = 'account with a password' | 'account without a password' | 'alias' | 'nothing' | 'not ours';

export async function configured(line: CommandLine, config: Config, address: string): Promise<Configured> {
  const verdict = await createDirectory(() => config).lookup(address);
  if (verdict.kind === 'foreign') return 'not ours';
  if (verdict.kind === 'alias') return verdict.rule === `alias ${address}` ? 'alias' : 'nothing';
  if (verdict.kind !== 'account' || verdict.account.address !== address) return 'nothing';
  // The start gives the demo account its password.
  if (configFile(line.options, process.env) === undefined && address === DEMO_ACCOUNT) return 'account with a password';
  const named = config.accounts.find((account) => sameAddress(account.address, address));
  return named?.password_hash === undefined ? 'account without a password' : 'account with a password';
}

/** A domain that the configuration does not serve gets no mail. */
export function refuseForeign(address: string, found: Configured): void {
  if (found === 'not ours') throw new CommandError(`${address}: add its domain to domains in the configuration first`);
}

function sameAddress(text: string, address: string): boolean {
  const parsed = parseAddress(text);
  return parsed.ok && canonicalAddress(parsed.value) === address;
}
