// `stafette config check FILE` says in a line each what is wrong, and what could be; `config schema` is for editors. Needs no running Stafette.
import { jsonSchema } from '#shared/config/json-schema.ts';
import { ConfigError, findingLines, loadConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import { deadEnds } from './alias-ends.ts';
import type { CommandLine } from './arguments.ts';
import type { Output } from './commands.ts';
import { CommandError, UsageError } from './usage-error.ts';

export async function config({ words, options }: CommandLine, output: Output): Promise<number> {
  const [verb, file = options.config, ...others] = words.slice(1);
  if (verb === 'schema') {
    if (words.length > 2) throw new UsageError('config schema takes no words');
    output.write(Buffer.from(jsonSchema()));
    return 0;
  }
  if (verb !== 'check' || file === undefined || others.length > 0) throw new UsageError('config: expected check FILE, or schema');
  const { problems, warnings } = await lookedAt(file);
  if (output.json({ file, problems, warnings })) return problems.length > 0 ? 1 : 0;
  for (const line of problems) output.print(line);
  for (const line of warnings) output.print(`warning: ${line}`);
  if (problems.length === 0) output.print(`${file}: good${warnings.length > 0 ? ', but for what is warned of' : ''}`);
  return problems.length > 0 ? 1 : 0;
}

async function lookedAt(file: string): Promise<{ readonly problems: readonly string[]; readonly warnings: readonly string[] }> {
  try {
    return { problems: [], warnings: await warningsOf(file, loadConfig(file)) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.lines, warnings: [] };
    throw error;
  }
}

/** Accounts are made while Stafette runs, so where an alias leads the mail store has to say: it is opened only when the configuration does not. */
async function warningsOf(file: string, config: Config): Promise<readonly string[]> {
  const unknown = await deadEnds(config, []);
  if (unknown.length === 0) return [];
  try {
    const { storedAccounts } = await import('./stores.ts');
    return findingLines(file, await deadEnds(config, await storedAccounts(config)));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [...findingLines(file, unknown), `the accounts that \`stafette account add\` has made could not be looked at: ${error.message}`];
  }
}
