// `stafette mailbox backup FOLDER`: a copy of the mail store that is consistent in itself, taken while mail is delivered and read: content,
// index, and then the content that the index names and the first copy does not have. The folder is a data_dir to restore from.
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '#shared/config/schema.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { parseFileName } from '#shared/spool/directory-store/segment-format.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { openMail } from '../stores.ts';
import { size } from '../terminal.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import type { MailboxVerb } from './mailbox-command.ts';
import { prepareFolder, syncFolder } from './target-folder.ts';

const MARK = '.stafette-backup';
/** Mail that comes and goes within one copy makes another necessary. */
const TRIES = 5;

export const backupMail: MailboxVerb = async (words, _line, config, output) => {
  const [folder, ...others] = words;
  if (folder === undefined || others.length > 0) throw new UsageError('mailbox backup: expected one folder');
  await prepareFolder(folder, MARK, 'a backup');
  const content = join(folder, 'mail');
  await mkdir(content, { recursive: true, mode: 0o700 });
  if (config.mailstore.database !== undefined) {
    const copied = await copyContent(join(config.data_dir, 'mail'), content);
    if (output.json({ folder, ...copied, index: 'pg_dump' })) return 0;
    output.print(`${copied.files} files of content copied to ${folder}, ${size(copied.bytes)}`);
    output.print('The index is in PostgreSQL: copy it with pg_dump now, then run this command once more for the content that came meanwhile.');
    return 0;
  }
  const copied = await backUp(config, folder, content);
  if (output.json({ folder, ...copied, index: 'mail.sqlite' })) return 0;
  output.print(`${copied.messages} messages in ${folder}: ${copied.files} files copied, ${size(copied.bytes)}; checked against each other`);
  output.print('To restore: stop Stafette, put mail.sqlite and mail/ into data_dir in place of those there (and no mail.sqlite-wal), start it.');
  return 0;
};

async function backUp(config: Config, folder: string, content: string) {
  const source = join(config.data_dir, 'mail');
  await using mail = await openMail(config);
  const total = { files: 0, bytes: 0 };
  const copy = async (): Promise<void> => {
    const { files, bytes } = await copyContent(source, content);
    total.files += files;
    total.bytes += bytes;
  };
  await copy();
  for (let tries = 1; ; tries++) {
    const fresh = join(folder, 'mail.sqlite.new');
    await rm(fresh, { force: true });
    await mail.backupIndex(fresh);
    await copy();
    await syncFolder(content);
    for (const suffix of ['-wal', '-shm']) await rm(join(folder, `mail.sqlite${suffix}`), { force: true });
    await rename(fresh, join(folder, 'mail.sqlite'));
    await syncFolder(folder);
    const { messages, problems } = await lookAt(folder);
    if (problems.length === 0) return { ...total, messages };
    if (tries === TRIES)
      throw new CommandError(`the copy has ${problems.length} problems, such as ${problems[0]}: stafette mailbox check says whether the original has them`);
  }
}

/** Copies what the target does not have, or has less of. Lists of what is dead stay behind: they may be younger than the index. */
async function copyContent(source: string, target: string): Promise<{ files: number; bytes: number }> {
  const copied = { files: 0, bytes: 0 };
  const names = await readdir(source).catch(asAbsent);
  for (const name of names ?? []) {
    const kind = parseFileName(name)?.kind;
    if (kind !== 'segment' && kind !== 'large') continue;
    const bytes = await copyGrown(join(source, name), join(target, name));
    if (bytes > 0) copied.files++;
    copied.bytes += bytes;
  }
  return copied;
}

/** Files of content only grow. One that goes meanwhile holds nothing that an index still to be copied names. */
async function copyGrown(from: string, to: string): Promise<number> {
  const [had, has] = [await stat(to).catch(asAbsent), await stat(from).catch(asAbsent)];
  if (!has || has.size === (had?.size ?? -1)) return 0;
  if ((await copyFile(from, to, constants.COPYFILE_FICLONE).catch(asAbsent)) === null) return 0;
  const handle = await open(to, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  // The sweep of a restored store goes by the age of files.
  await utimes(to, has.atime, has.mtime);
  return has.size - (had?.size ?? 0);
}

/** Opens the copy as a mail store and checks it. */
async function lookAt(folder: string): Promise<{ messages: number; problems: readonly string[] }> {
  const copy = await openMailstore({ dataDir: folder, clock: systemClock, minFree: 0 });
  let messages = 0;
  const problems: string[] = [];
  try {
    for await (const finding of copy.check()) {
      if (finding.kind === 'checked') messages += finding.messages;
      else problems.push(`${finding.account} ${finding.mailbox} ${finding.uid ?? ''}: ${finding.what}`);
    }
  } finally {
    await copy.close();
  }
  return { messages, problems };
}

function asAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
