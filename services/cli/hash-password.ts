// `stafette hash-password`: needs no running Stafette.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { hashPassword } from '#shared/directory/password.ts';
import type { CommandLine } from './arguments.ts';
import type { Output } from './commands.ts';
import { CommandError, UsageError } from './usage-error.ts';

/** Reads a password from the terminal, unseen, or as the one line of standard input. */
export async function printPasswordHash({ words }: CommandLine, output: Output): Promise<number> {
  if (words.length > 1) throw new UsageError('hash-password takes no words: the password is read from the terminal or standard input');
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
