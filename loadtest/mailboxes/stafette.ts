// Stafette as a mail server under test, all-in-one unless it is split. The hash of the password costs next to nothing, as Dovecot's does:
// logins are not what is measured.
import { execFile } from 'node:child_process';
import { scryptSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConfigInput } from '#shared/config/schema.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { startStafette } from '../targets/stafette.ts';
import { accountName, type MailServer, type MailTarget, type MailTargetOptions, PASSWORD } from './mail-target.ts';

const CLI = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url));
/** Nothing is sent away. */
const NOWHERE = { port: 9, addresses: ['127.0.0.1'] };

export const stafette: MailServer = { target: 'stafette', start, fill };

async function start({ directory, accounts, split }: MailTargetOptions): Promise<MailTarget> {
  const [imap, pop3] = [await freePort(), await freePort()];
  const limits = { connections: 20_000, connections_per_client: 20_000 };
  const listener = (port: number) => ({ listeners: [{ address: '127.0.0.1', port, tls: 'starttls' as const, clear_passwords: true }], limits });
  const configuration: ConfigInput = {
    domains: { 'load.example': {} },
    accounts: Array.from({ length: accounts }, (_, index) => ({ address: accountName(index), password_hash: HASH })),
    imap: listener(imap),
    pop3: listener(pop3),
  };
  mkdirSync(directory, { recursive: true });
  const target = await startStafette({ directory, destinations: NOWHERE, settings: { stafette: configuration }, ...(split && { split }) });
  return { ...target, imap, pop3 };
}

/** `stafette mailbox import`, and then the text index, which it makes when it next runs. */
async function fill(options: MailTargetOptions, maildir: string): Promise<void> {
  const { directory } = options;
  await (await start(options)).stop();
  await promisify(execFile)(process.execPath, [CLI, '--config', join(directory, 'stafette.yaml'), 'mailbox', 'import', accountName(0), maildir]);
  const running = await start(options);
  try {
    while (textsToIndex(join(directory, 'data', 'mail.sqlite')) > 0) await wait(500);
  } finally {
    await running.stop();
  }
}

function textsToIndex(file: string): number {
  using database = new DatabaseSync(file, { readOnly: true });
  return Number(database.prepare('select count(*) as waiting from index_queue').get()?.['waiting']);
}

const HASH = hash();

function hash(): string {
  const salt = Buffer.alloc(16, 'load');
  return `$scrypt$2$1$1$${salt.toString('base64url')}$${scryptSync(PASSWORD, salt, 32, { N: 2, r: 1, p: 1 }).toString('base64url')}`;
}
