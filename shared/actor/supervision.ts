// Supervision in one place: an actor that throws is tried again with backoff, then its entry becomes a dead letter.

/** Throws of one entry before it is given up. */
const MAX_TRIES = 12;

/** Whether an entry becomes a dead letter after so many throws. One whose record is too new for us waits for a newer reader, however long. */
export function isGivenUp(tries: number, error: unknown): boolean {
  return tries >= MAX_TRIES && !(error instanceof Error && error.name === 'RecordTooNewError');
}

/** Milliseconds until the next try after `tries` throws: 1 s doubling up to 5 minutes. */
export function backoff(tries: number): number {
  return Math.min(1000 * 2 ** (tries - 1), 300_000);
}

/** What a dead letter keeps of the error. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, 1000);
}
