// The demo account of the built-in configuration: a password made at first start, of which only the hash is kept.
// It owns data_dir/demo-account (the hash) and, without a terminal, data_dir/demo-password; both 0600.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashPassword } from '#shared/directory/password.ts';

export interface DemoAccount {
  readonly passwordHash: string;
  /** The password when it was made by this start and is to be shown now. */
  readonly password: string | null;
  /** Where the password can be read, when it was written to a file. */
  readonly file: string | null;
  /** Keeps the hash. Called once the password has been shown: a start cut short before that makes a new one. */
  remember(): void;
}

/** The account of `dataDir`; `terminal`: somebody reads what we print. */
export async function demoAccount(dataDir: string, terminal: boolean): Promise<DemoAccount> {
  const kept = join(dataDir, 'demo-account');
  const passwordFile = join(dataDir, 'demo-password');
  if (existsSync(kept))
    return { passwordHash: readFileSync(kept, 'utf8').trim(), password: null, file: existsSync(passwordFile) ? passwordFile : null, remember() {} };
  const password = randomBytes(12).toString('base64url');
  const passwordHash = await hashPassword(password);
  rmSync(passwordFile, { force: true });
  if (!terminal) write(passwordFile, `${password}\n`);
  const remember = () => write(kept, `${passwordHash}\n`);
  return terminal ? { passwordHash, password, file: null, remember } : { passwordHash, password: null, file: passwordFile, remember };
}

function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
