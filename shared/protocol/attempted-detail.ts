// What the trace keeps of one attempt: written by remote-delivery, read by the command line. Fields are only added.
import type { AttemptFacts, Outcome } from '#shared/smtp/outcome.ts';

export type AttemptedDetail = Partial<AttemptFacts> & {
  readonly site: string;
  /** How long the transaction took; absent where none came about. */
  readonly ms?: number;
  /** What hosts said that did not take the connection, before the one named here. */
  readonly passedOver?: readonly string[];
  /** Recipients (by number) with the same fate, together. */
  readonly results: readonly AttemptedResult[];
};

export interface AttemptedResult {
  readonly kind: Outcome['kind'];
  /** What the next hop said, of a success. */
  readonly reply?: string;
  readonly status?: string;
  /** What went wrong, the next hop's reply in it. */
  readonly diagnostic?: string;
  /** When it is tried again, milliseconds since the epoch. */
  readonly due?: number;
  /** Its site refuses: `due` is when the circuit lets a message of the site try, this one or another. */
  readonly siteRefuses?: true;
  readonly recipients: readonly number[];
}
