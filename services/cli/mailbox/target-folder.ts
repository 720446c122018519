// A folder that export or backup may write to: new, empty, or one that an earlier run began, which a file in it says. What can fail: it holds
// something else (CommandError), or cannot be made.
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../usage-error.ts';

/** Makes the folder and marks it as ours. */
export async function prepareFolder(path: string, mark: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const names = await readdir(path);
  if (names.length > 0 && !names.includes(mark)) throw new CommandError(`${path} holds something else: name a new folder, or one that an earlier run made`);
  await writeFile(join(path, mark), '');
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
