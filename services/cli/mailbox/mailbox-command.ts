// `stafette mailbox`: what is in the mail store, into it, out of it, and whether it is whole. Works on the store itself, beside the services
// that use it or without them.
import type { Config } from '#shared/config/schema.ts';
import type { CommandLine } from '../arguments.ts';
import type { Output } from '../commands.ts';
import { configurationOf } from '../configuration.ts';
import { UsageError } from '../usage-error.ts';

/** Resolves with the exit status. `words` are those behind the verb. */
export type MailboxVerb = (words: readonly string[], line: CommandLine, config: Config, output: Output) => Promise<number>;

const VERBS: Readonly<Record<string, () => Promise<MailboxVerb>>> = {
  list: async () => (await import('./list.ts')).listMailboxes,
  import: async () => (await import('./import.ts')).importMail,
  export: async () => (await import('./export.ts')).exportMail,
  check: async () => (await import('./check.ts')).checkMail,
  backup: async () => (await import('./backup.ts')).backupMail,
};

export async function mailbox(line: CommandLine, output: Output): Promise<number> {
  const [, verb = 'list', ...words] = line.words;
  const load = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!load) throw new UsageError(`mailbox ${verb}: expected list, import, export, check or backup`);
  const run = await load();
  return run(words, line, configurationOf(line.options, process.env), output);
}
