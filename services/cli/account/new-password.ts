// The password of an account: read as the one line of standard input, or made and shown once.
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { hashPassword } from '#shared/directory/password.ts';
import type { Options } from '../arguments.ts';
import { CommandError } from '../usage-error.ts';

export interface NewPassword {
  readonly hash: string;
  /** To be shown, when it was made here. */
  readonly made: string | null;
}

/** 120 bits. */
const RANDOM_BYTES = 15;

export async function newPassword(options: Options): Promise<NewPassword> {
  const made = options['password-stdin'] ? null : randomBytes(RANDOM_BYTES).toString('base64url');
  const password = made ?? (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new CommandError('expected a password on standard input');
  if (/[\r\n\0]/.test(password)) throw new CommandError('expected the password as one line');
  return { hash: await hashPassword(password), made };
}
