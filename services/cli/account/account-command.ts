// `stafette account`: the accounts of the database, beside those of the configuration. Works on the database itself, so it needs no running
// Stafette; one that runs follows within seconds.
import type { Config } from '#shared/config/schema.ts';
import type { CommandLine } from '../arguments.ts';
import type { Output } from '../commands.ts';
import { configurationOf } from '../configuration.ts';
import { UsageError } from '../usage-error.ts';
import { addAccount } from './add.ts';
import { listAccounts } from './list.ts';
import { changePassword } from './passwd.ts';
import { setQuota } from './quota.ts';
import { removeAccount } from './remove.ts';

/** Resolves with the exit status. */
export type AccountVerb = (line: CommandLine, config: Config, output: Output) => Promise<number>;

const VERBS: Readonly<Record<string, AccountVerb>> = { add: addAccount, passwd: changePassword, quota: setQuota, list: listAccounts, remove: removeAccount };

export async function account(line: CommandLine, output: Output): Promise<number> {
  const verb = line.words[1] ?? 'list';
  const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!run) throw new UsageError(`account ${verb}: expected add, passwd, quota, list or remove`);
  return run(line, configurationOf(line.options, process.env), output);
}
