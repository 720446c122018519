// Writes a Maildir with its folders (Maildir++): LF, flags in the names, the date as the file's. A message's file name tells its UID, so a
// later run knows what is there. What can fail: writing, and what is read back (CommandError).
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../usage-error.ts';
import { digestOf } from './digests.ts';
import { encodeFolder } from './folder-name.ts';
import { toLf } from './line-ends.ts';
import type { ExportedMessage, MailTarget } from './mail-target.ts';
import { KEYWORDS_FILE, openKeywords } from './maildir-keywords.ts';
import { prepareFolder, syncFolder } from './target-folder.ts';

const MARK = '.stafette-export';
/** Maildir++: this folder is one below another. */
const MARK_OF_FOLDER = 'maildirfolder';
/** In the order in which they stand in a name. */
const LETTERS = [
  ['D', '\\Draft'],
  ['F', '\\Flagged'],
  ['P', '$Forwarded'],
  ['R', '\\Answered'],
  ['S', '\\Seen'],
  ['T', '\\Deleted'],
] as const;
/** Flags that have a capital, or none in a Maildir. */
const NOT_KEYWORDS = new Set<string>(LETTERS.map(([, flag]) => flag));

/** Names that we give, before the flags. */
const OURS = /^\d+\.V\d+U\d+\.stafette$/;

/** `remove`: what an earlier run wrote of mail that is no longer there. */
export function createMaildirTarget(path: string, remove: boolean): MailTarget {
  return {
    prepare: () => prepareFolder(path, MARK, 'a Maildir'),
    async mailbox({ name, uidvalidity }, messages) {
      const folder = join(path, folderOf(name));
      await makeMaildir(folder, name !== 'INBOX');
      const present = await presentIn(folder);
      const lettersOfKeywords = await openKeywords(folder);
      const counts = { messages: 0, written: 0 };
      for await (const message of messages) {
        const unique = `${Math.trunc(message.receivedAt / 1000)}.V${uidvalidity}U${message.uid}.stafette`;
        const keywords = message.flagNames.filter((name) => !NOT_KEYWORDS.has(name));
        const file = `${unique}:2,${lettersOf(message.flagNames)}${await lettersOfKeywords(keywords)}`;
        if (await writeOnce(folder, message, unique, file, present.get(unique))) counts.written++;
        present.delete(unique);
        counts.messages++;
      }
      const gone = await removeOurs(folder, present, remove);
      await syncFolder(join(folder, 'cur'));
      return { name, ...counts, gone };
    },
    async others(names) {
      const kept = new Set(names.map(folderOf));
      const folders = (await readdir(path, { withFileTypes: true })).filter(
        (entry) => entry.isDirectory() && entry.name.startsWith('.') && !kept.has(entry.name),
      );
      if (remove) for (const { name } of folders) await removeFolder(join(path, name));
      return folders.map(({ name }) => name);
    },
  };
}

function folderOf(name: string): string {
  return name === 'INBOX' ? '' : `.${encodeFolder(name)}`;
}

/** Counts our files among these, and removes them if so wished; what others put there stays. */
async function removeOurs(folder: string, present: ReadonlyMap<string, string>, remove: boolean): Promise<number> {
  const ours = [...present].filter(([unique]) => OURS.test(unique));
  if (remove) for (const [, file] of ours) await rm(join(folder, 'cur', file), { force: true });
  return ours.length;
}

/** Our messages in it, and itself when nothing else is there. */
async function removeFolder(folder: string): Promise<void> {
  await removeOurs(folder, await presentIn(folder), true);
  const stays = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
  };
  for (const part of ['cur', 'new', 'tmp']) await rmdir(join(folder, part)).catch(stays);
  if (!(await readdir(folder)).every((name) => name === MARK_OF_FOLDER || name === KEYWORDS_FILE)) return;
  await rm(folder, { recursive: true });
}

async function makeMaildir(folder: string, below: boolean): Promise<void> {
  for (const part of ['cur', 'new', 'tmp']) await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
  if (below) await writeFile(join(folder, MARK_OF_FOLDER), '');
}

function lettersOf(flags: readonly string[]): string {
  return LETTERS.flatMap(([letter, flag]) => (flags.includes(flag) ? [letter] : [])).join('');
}

/** What an earlier run wrote: file names by their unique part. */
async function presentIn(folder: string): Promise<Map<string, string>> {
  const files = await readdir(join(folder, 'cur'));
  return new Map(files.map((file) => [file.split(':')[0] ?? '', file]));
}

/** True when it was written now; false when it was there, perhaps with other flags. */
async function writeOnce(folder: string, message: ExportedMessage, unique: string, file: string, present: string | undefined): Promise<boolean> {
  const place = join(folder, 'cur', file);
  if (present !== undefined && (await digestOfFile(join(folder, 'cur', present))) === (await digestOf(toLf(message.content.read())))) {
    if (present !== file) await rename(join(folder, 'cur', present), place);
    return false;
  }
  const written = await writeNew(join(folder, 'tmp', unique), message);
  // Read back before it counts: what is in `cur` is whole.
  if ((await digestOfFile(join(folder, 'tmp', unique))) !== written) throw new CommandError(`${place}: what is on the disk is not what was written`);
  await rename(join(folder, 'tmp', unique), place);
  if (present !== undefined && present !== file) await rm(join(folder, 'cur', present), { force: true });
  return true;
}

/** Writes and fsyncs the file; returns the digest of what it was given. */
async function writeNew(path: string, { content, receivedAt }: ExportedMessage): Promise<string> {
  const hash = createHash('sha256');
  await rm(path, { force: true });
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const piece of toLf(content.read())) {
      hash.update(piece);
      await handle.writeFile(piece);
    }
    await handle.utimes(receivedAt / 1000, receivedAt / 1000);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

async function digestOfFile(path: string): Promise<string> {
  const handle = await open(path);
  return digestOf(handle.createReadStream());
}
