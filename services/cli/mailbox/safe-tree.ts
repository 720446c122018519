// A tree of files that somebody else may have made, and may change while we read: symbolic links are not followed, nothing but folders and
// regular files is opened, and no name leads out of the tree. Owns the open folders. What can fail: reading, which throws.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface SafeFolder extends AsyncDisposable {
  /** Where it was found: for people and for journals. */
  readonly path: string;
  /** Names of its regular files and of its folders, sorted. Links and special files are left out, and counted. */
  list(): Promise<{ readonly files: readonly string[]; readonly folders: readonly string[]; readonly passedOver: number }>;
  /** The folder of this name in it; null when it is none, or gone. */
  folder(name: string): Promise<SafeFolder | null>;
  /** Opens the regular file of this name; null when it is none, or gone. The caller closes it. */
  file(name: string): Promise<FileHandle | null>;
  /** Size, times and kind of what this name is, links not followed; null when it is gone. */
  stat(name: string): Promise<Stats | null>;
}

/** Opens the root, which the operator named: this one may be a link. Throws when it is no folder. */
export async function openTree(path: string): Promise<SafeFolder> {
  return folderOf(await open(path, O_RDONLY | O_DIRECTORY), path);
}

function folderOf(handle: FileHandle, path: string): SafeFolder {
  // Through the open folder, so that nobody puts a link in its place between two calls. Elsewhere than on Linux by its path.
  const base = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : path;
  const within = (name: string): string => {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
      throw new Error(`not the name of a file: ${JSON.stringify(name)}`);
    return join(base, name);
  };
  return {
    path,
    async list() {
      const entries = await readdir(`${base}/`, { withFileTypes: true });
      const files: string[] = [];
      const folders: string[] = [];
      // A name that is no UTF-8 cannot be opened by what we read of it.
      for (const entry of entries) if (!entry.name.includes('\uFFFD')) (entry.isFile() ? files : entry.isDirectory() ? folders : []).push(entry.name);
      return { files: files.sort(), folders: folders.sort(), passedOver: entries.length - files.length - folders.length };
    },
    async folder(name) {
      const found = await open(within(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(asAbsent);
      return found && folderOf(found, join(path, name));
    },
    async file(name) {
      // Not blocking: opening a pipe would wait for its writer.
      const found = await open(within(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(asAbsent);
      if (!found || (await found.stat()).isFile()) return found;
      await found.close();
      return null;
    },
    stat: async (name) => lstat(within(name)).catch(asAbsent),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Gone, a link, no folder, a socket, or not ours to read. */
const ABSENT = new Set(['ENOENT', 'ELOOP', 'ENOTDIR', 'EMLINK', 'ENXIO', 'EOPNOTSUPP']);

function asAbsent(error: NodeJS.ErrnoException): null {
  if (ABSENT.has(error.code ?? '')) return null;
  throw error;
}
