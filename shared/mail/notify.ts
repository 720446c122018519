// Whether a sender wants to hear of an outcome (RFC 3461 section 4.1 and 5.2). One answer for every role.
import type { Notify } from './envelope.ts';

/** True when NOTIFY asks for, or its absence implies, a DSN about this. Never about `delay` or `success` unless asked or implied. */
export function wantsDsn(notify: readonly Notify[] | undefined, event: 'success' | 'failure' | 'delay'): boolean {
  // RFC 3461 section 4.1: without NOTIFY a failure is told, a delay may be, a success is not.
  if (notify === undefined) return event !== 'success';
  return notify.includes(event);
}
