// The log of one process: JSON lines to standard output or to log.file. It owns the destination.
// A log that cannot be written (full disk, closed terminal) never stops mail: the lines are lost, the process goes on.
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, pino } from 'pino';
import type { Config } from '#shared/config/schema.ts';
import { createLogger, type Logger } from '#shared/telemetry/log.ts';
import { OperatorError } from './operator-error.ts';

export interface ProcessLog {
  readonly log: Logger;
  /** Takes the new level, and opens the file anew: logrotate has moved it. */
  reload(config: Config): void;
  /** Writes what is buffered, now. For the end of the process. */
  flush(): void;
}

/** A write for each line would cost a busy process more than the line. */
const IN_BULK = 4096;
/** Nobody waits longer than this for a line (milliseconds). */
const WITHIN = 100;

/** Opens the log; it writes asynchronously, so a slow disk does not hold the event loop. Throws OperatorError for a file that cannot be opened. */
export function openLog({ log: { level, file } }: Config): ProcessLog {
  if (file !== undefined) tryOpen(file);
  // Opened at once, so that a start which fails at once can still write and end; from then on it writes asynchronously.
  const minLength = isatty(1) && file === undefined ? 0 : IN_BULK;
  const destination = pino.destination({ dest: file ?? 1, append: true, sync: true, mode: 0o600, minLength });
  (destination as unknown as { sync: boolean }).sync = false;
  destination.on('error', () => {}); // see above; the next line tries again
  const log = createLogger(level, minLength > 0 ? flushed(destination) : destination);
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

/** Flushed while there are lines: pino's own `periodicFlush` wakes an idle process ten times a second, and a thread for a write of nothing. */
function flushed(destination: ReturnType<typeof pino.destination>): DestinationStream {
  let timer: NodeJS.Timeout | undefined;
  let fresh = false;
  const later = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      destination.flush();
    }, WITHIN).unref();
  };
  // A write has ended, and lines may have come while it ran: a flush meanwhile did nothing.
  destination.on('drain', () => {
    if (fresh) later();
    fresh = false;
  });
  return {
    write(line) {
      fresh = true;
      destination.write(line);
      later();
    },
  };
}

/** Later failures lose lines; a wrong setting is told at the start. */
function tryOpen(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw new OperatorError(`log.file ${file} cannot be opened: ${(error as Error).message}`);
  }
}
