// A tree of files that somebody else may have made, and may change while we read: symbolic links are not followed, nothing but folders and
// regular files is opened, and no name leads out of the tree. Owns the open folders. What can fail: reading, which throws.
import { isUtf8 } from 'node:buffer';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface SafeFolder extends AsyncDisposable {
  /** Where it was found: for people and for journals. */
  readonly path: string;
  /** Names of its regular files and of its folders, sorted; `readable` for people. Links and special files are left out, and counted. */
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
  const within = (name: string): Buffer => {
    const octets = octetsOf(name);
    const plain = octets.toString('latin1');
    if (plain === '' || plain === '.' || plain === '..' || plain.includes('/') || plain.includes('\0'))
      throw new Error(`not the name of a file: ${JSON.stringify(name)}`);
    return Buffer.concat([Buffer.from(`${base}/`), octets]);
  };
  return {
    path,
    async list() {
      const entries = await readdir(`${base}/`, { withFileTypes: true, encoding: 'buffer' });
      const files: string[] = [];
      const folders: string[] = [];
      for (const entry of entries) (entry.isFile() ? files : entry.isDirectory() ? folders : []).push(nameOf(entry.name));
      return { files: files.sort(), folders: folders.sort(), passedOver: entries.length - files.length - folders.length };
    },
    async folder(name) {
      const found = await open(within(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(asAbsent);
      return found && folderOf(found, join(path, readable(name)));
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

/** Stands before a name that is no UTF-8: each of its characters is then an octet. It is a character that no UTF-8 has. */
const OCTETS = '\uDC00';

function nameOf(octets: Buffer): string {
  return isUtf8(octets) ? octets.toString() : OCTETS + octets.toString('latin1');
}

function octetsOf(name: string): Buffer {
  return name.startsWith(OCTETS) ? Buffer.from(name.slice(OCTETS.length), 'latin1') : Buffer.from(name);
}

/** The name for people: one that is no UTF-8 as ISO 8859-1, which it most often is. */
export function readable(name: string): string {
  return name.startsWith(OCTETS) ? name.slice(OCTETS.length) : name;
}

/** Gone, a link, no folder, a socket, or not ours to read. */
const ABSENT = new Set(['ENOENT', 'ELOOP', 'ENOTDIR', 'EMLINK', 'ENXIO', 'EOPNOTSUPP']);

function asAbsent(error: NodeJS.ErrnoException): null {
  if (ABSENT.has(error.code ?? '')) return null;
  throw error;
}
