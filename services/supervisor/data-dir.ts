// data_dir: made with mode 0700, tried for writing, and locked so that two Stafettes never share one. It owns the lock: the
// kernel gives it back when this process ends, however it ends. What can fail: rights, a full disk, another Stafette.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writable } from './disk-room.ts';
import { OperatorError } from './operator-error.ts';

/** Makes the directory and shows that it can be written. Throws OperatorError. */
export function prepareDataDir(path: string): void {
  let room = false;
  try {
    makeDirectory(path);
    room = writable(path);
  } catch (error) {
    throw new OperatorError(`data_dir ${path} cannot be written: ${(error as Error).message}`);
  }
  if (!room) throw new OperatorError(`data_dir ${path} cannot be written: its disk is full (no space left): free some, or change data_dir`);
}

/** As `mkdir -p`: Node's own never returns where a directory that exists refuses to hold another, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Takes the lock of the directory; returns the function that gives it back. The lock is flock(2) on an open file, taken for
 * us by flock(1), for Node has no call for it: unlike a file of process ids it cannot be left behind. Throws OperatorError.
 */
export function lockDataDir(path: string): () => void {
  const file = join(path, 'lock');
  const descriptor = openSync(file, 'a', 0o600);
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
  if (error || status !== 0) {
    const holder = readFileSync(file, 'utf8').trim();
    closeSync(descriptor);
    if (error) throw new OperatorError(`data_dir ${path} cannot be locked: flock (util-linux) is not on the PATH`);
    throw new OperatorError(`data_dir ${path} is in use by another Stafette${holder ? ` (process ${holder})` : ''}: stop it, or change data_dir`);
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${process.pid}\n`);
  return () => closeSync(descriptor);
}
