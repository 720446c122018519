// A folder that export or backup may write to: new, empty, or one that an earlier run began, which a file in it says. What can fail: it holds
// something else (CommandError), or cannot be made.
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../usage-error.ts';

/** Makes the folder and marks it as ours, and what it `holds`: `a Maildir`. */
export async function prepareFolder(path: string, mark: string, holds: string): Promise<void> {
  const names = await filesIn(path);
  if (names.length > 0 && !names.includes(mark)) throw new CommandError(`${path} holds something else: name a new folder, or one that an earlier run made`);
  const held = names.includes(mark) ? (await readFile(join(path, mark), 'utf8')).trim() : '';
  if (held !== '' && held !== holds) throw new CommandError(`${path} holds ${held} of an earlier run: name another folder for ${holds}`);
  await writeFile(join(path, mark), `${holds}\n`);
}

async function filesIn(path: string): Promise<readonly string[]> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return await readdir(path);
  } catch (error) {
    throw new CommandError(`${path}: cannot be made a folder, or not be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Files made, renamed or removed in the folder are so after a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
