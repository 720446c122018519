// Commands that need no running Stafette: the configuration and passwords.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { jsonSchema } from '#shared/config/json-schema.ts';
import { ConfigError, loadConfig } from '#shared/config/load.ts';
import { hashPassword } from '#shared/directory/password.ts';
import type { CommandLine } from './arguments.ts';
import type { Output } from './commands.ts';
import { CommandError, UsageError } from './usage-error.ts';

/** `config check FILE` says each problem in a line; `config schema` is for editors. */
export function config({ words, options }: CommandLine, output: Output): number {
  const [verb, file = options.config, ...others] = words.slice(1);
  if (verb === 'schema') {
    output.write(Buffer.from(jsonSchema()));
    return 0;
  }
  if (verb !== 'check' || file === undefined || others.length > 0) throw new UsageError('config: expected check FILE, or schema');
  const problems = problemsOf(file);
  if (!output.json({ file, problems })) for (const line of problems.length > 0 ? problems : [`${file}: good`]) output.print(line);
  return problems.length > 0 ? 1 : 0;
}

function problemsOf(file: string): readonly string[] {
  try {
    loadConfig(file);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
}

/** Reads a password from the terminal, unseen, or as the one line of standard input. */
export async function printPasswordHash(output: Output): Promise<number> {
  const password = process.stdin.isTTY ? await ask('Password: ') : (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new CommandError('hash-password: expected a password on standard input');
  if (/[\r\n\0]/.test(password)) throw new CommandError('hash-password: expected one line');
  const hash = await hashPassword(password);
  if (!output.json({ password_hash: hash })) output.print(hash);
  return 0;
}

async function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: unseen, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
