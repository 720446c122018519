// The program as it was before records had the version of today: the sources of its last commit, made by keep-version.ts. They run as they are,
// with the libraries of today.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { tempDir } from '#shared/testing/temp-dir.ts';

export const PREVIOUS_VERSION = new URL('../testdata/previous-version.tar.br', import.meta.url);
const LIBRARIES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** Unpacked; `main` is its services/main.ts. */
export async function unpackPreviousVersion(): Promise<AsyncDisposable & { readonly main: string }> {
  const folder = await tempDir('previous');
  execFileSync('tar', ['-x', '-C', folder.path], { input: brotliDecompressSync(readFileSync(PREVIOUS_VERSION)) });
  await symlink(LIBRARIES, join(folder.path, 'node_modules'));
  return { main: join(folder.path, 'services/main.ts'), [Symbol.asyncDispose]: folder.remove };
}
