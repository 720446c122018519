// A temporary directory for one test. It owns the directory and removes it, with all in it, when disposed of.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type TempDir = AsyncDisposable & {
  readonly path: string;
  /** Removes the directory and everything in it; a second call does nothing. */
  remove(): Promise<void>;
};

/** Makes an empty directory of mode 0700 under the system's temporary directory (or under `parent`, for a test on its own file system). */
export async function tempDir(name = 'test', parent = tmpdir()): Promise<TempDir> {
  const path = await mkdtemp(join(parent, `stafette-${name}-`));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, remove, [Symbol.asyncDispose]: remove };
}
