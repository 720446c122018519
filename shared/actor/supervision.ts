// Supervision in one place: an actor that throws is tried again with backoff, then its entry becomes a dead letter. An entry whose record is
// too new for this process has not failed: it is put back for a newer one, however long that takes.
import type { ActorRole } from '#shared/protocol/topology.ts';
import type { Runtime } from './runtime.ts';

/** Throws of one entry before it is given up. */
const MAX_TRIES = 12;
/** Pause (ms) of what is put back: newer processes are on their way. */
const PUT_BACK = 15_000;

/** True when only a newer process can handle the entry (RecordTooNewError): that is no try of it. */
export function isPutBack(error: unknown): error is Error {
  return error instanceof Error && error.name === 'RecordTooNewError';
}

/** Whether an entry becomes a dead letter after so many throws. */
export function isGivenUp(tries: number): boolean {
  return tries >= MAX_TRIES;
}

/** Milliseconds until the next try: after `tries` throws 1 s doubling up to 5 minutes. */
export function pauseAfter(tries: number, error: unknown): number {
  return isPutBack(error) ? PUT_BACK : Math.min(1000 * 2 ** (tries - 1), 300_000);
}

/** Counts a throw and logs it, with what names the entry. */
export function noteThrow({ metrics, log }: Pick<Runtime, 'metrics' | 'log'>, role: ActorRole, entry: object, tries: number, error: unknown): void {
  if (isPutBack(error)) {
    metrics.putBack.inc({ role });
    log.warn({ ...entry, why: error.message }, 'put back for a newer version');
  } else {
    metrics.retried.inc({ role });
    log.error({ ...entry, tries, err: error }, 'actor failed');
  }
}

/** What a dead letter keeps of the error. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, 1000);
}
