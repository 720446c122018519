// How the mail store says no: refusals are values, a mailbox that was deleted under its session is thrown.

/**
 * A command that cannot be done, as a value. `code` is a response code of RFC 5530 section 3 (OVERQUOTA, LIMIT, CANNOT,
 * ALREADYEXISTS, NONEXISTENT), RFC 9051 section 7.1 (TRYCREATE, HASCHILDREN) or RFC 6154 section 6 (USEATTR): an IMAP server prints it.
 */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: 'OVERQUOTA' | 'LIMIT' | 'CANNOT' | 'ALREADYEXISTS' | 'NONEXISTENT' | 'TRYCREATE' | 'HASCHILDREN' | 'USEATTR';
  /** One line of ASCII for people. */
  readonly text: string;
}

/** Thrown to a session whose mailbox or account was deleted: it ends (RFC 9051 section 7.1.5, BYE). */
export class MailboxGoneError extends Error {
  override readonly name = 'MailboxGoneError';
}
