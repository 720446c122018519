// Structured logs: one JSON line per event, with the queue id on every line that concerns a message.
import { type DestinationStream, type LoggerOptions, pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

/** Never logged, wherever they stand in an object. */
const SECRETS = ['password', '*.password', 'token', '*.token', 'credentials', '*.credentials', 'authorization', '*.authorization'];

/** The process's root logger; roles take `log.child({ role })`, message lines add `{ id }` (the queue id). */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRETS, censor: '[secret]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
