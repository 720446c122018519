// The log of one process: JSON lines to standard output or to log.file.
// A log that cannot be written (full disk, closed terminal) never stops mail, nor the end of a process: the lines are lost.
import type { Config } from '#shared/config/schema.ts';
import { createLogger, type Logger } from '#shared/telemetry/log.ts';
import { LogWriter } from './log-writer.ts';
import { OperatorError } from './operator-error.ts';

export interface ProcessLog {
  readonly log: Logger;
  /** Takes the new level, and opens the file anew: logrotate has moved it. */
  reload(config: Config): void;
  /** Writes what is buffered, now. For the end of the process. */
  flush(): void;
}

/** Opens the log; it writes asynchronously, so a slow disk does not hold the event loop. Throws OperatorError for a file that cannot be opened. */
export function openLog({ log: { level, file } }: Config): ProcessLog {
  const writer = openWriter(file);
  const log = createLogger(level, writer);
  return {
    log,
    reload(config) {
      log.level = config.log.level;
      writer.reopen();
    },
    flush: () => writer.end(),
  };
}

/** Later failures lose lines; a wrong setting is told at the start. */
function openWriter(file: string | undefined): LogWriter {
  try {
    return new LogWriter(file);
  } catch (error) {
    throw new OperatorError(`log.file ${file} cannot be opened: ${(error as Error).message}`);
  }
}
