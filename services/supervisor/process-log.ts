// The log of one process: JSON lines to standard output or to log.file. It owns the destination.
// A log that cannot be written (full disk, closed terminal) never stops mail: the lines are lost, the process goes on.
import { pino } from 'pino';
import type { Config } from '#shared/config/schema.ts';
import { createLogger, type Logger } from '#shared/telemetry/log.ts';

export interface ProcessLog {
  readonly log: Logger;
  /** Takes the new level, and opens the file anew: logrotate has moved it. */
  reload(config: Config): void;
  /** Writes what is buffered, now. For the end of the process. */
  flush(): void;
}

/** Opens the log. Asynchronous, so a slow disk does not hold the event loop. */
export function openLog({ log: { level, file } }: Config): ProcessLog {
  const destination = pino.destination({ dest: file ?? 1, append: true, sync: false, mode: 0o600 });
  destination.on('error', () => {}); // see above; the next line tries again
  const log = createLogger(level, destination);
  return {
    log,
    reload(config) {
      log.level = config.log.level;
      if (file !== undefined) destination.reopen();
    },
    flush() {
      try {
        destination.flushSync();
      } catch {
        // Not open yet, or not writable: nothing more can be done at the end of a process.
      }
    },
  };
}
