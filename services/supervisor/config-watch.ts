// When to read the configuration file again: SIGHUP, or a change of the file. The old configuration stays when the new one is wrong.
import { createHash } from 'node:crypto';
import { readFileSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Logger } from '#shared/telemetry/log.ts';

export interface ConfigWatch {
  close(): void;
}

/** Events come in bursts: an editor writes, renames and touches. */
const SETTLE = 200;

/**
 * Calls `reload` when the content of `file` changes. The folder is watched, not the file: editors replace it by a rename,
 * and Kubernetes swaps the link behind a mounted ConfigMap. A folder that cannot be watched is logged; SIGHUP still works.
 */
export function watchConfig(file: string, log: Logger, reload: () => void): ConfigWatch {
  let seen = digest(file);
  let timer: NodeJS.Timeout | undefined;
  const settled = () => {
    const now = digest(file);
    if (now === seen) return;
    seen = now;
    // A file that is away for a moment is being replaced.
    if (now !== null) reload();
  };
  try {
    const watcher = watch(dirname(resolve(file)), { persistent: false }, (_event, name) => {
      if (name !== null && name !== basename(file) && !name.startsWith('..')) return;
      clearTimeout(timer);
      timer = setTimeout(settled, SETTLE).unref();
    });
    watcher.on('error', (error) => log.warn({ file, error: error.message }, 'configuration is no longer watched; use SIGHUP'));
    return {
      close() {
        clearTimeout(timer);
        watcher.close();
      },
    };
  } catch (error) {
    log.warn({ file, error: (error as Error).message }, 'configuration cannot be watched; use SIGHUP');
    return { close() {} };
  }
}

function digest(file: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64');
  } catch {
    return null; // away or unreadable: the next reload says so
  }
}
