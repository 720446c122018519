// What a client may send at most, named once. What the operator may change is in the configuration (imap.limits).

/** Octets of a command without its literals; RFC 7162 section 4 asks for 8,192 at least, and sets of sequence numbers can be long. */
export const MAX_COMMAND = 65_536;
/** Octets of one literal, and of all literals of one command, that is not a message of APPEND. */
export const MAX_LITERALS = 1_048_576;
/** The same before authentication: a user name, a password. */
export const MAX_LITERALS_UNAUTHENTICATED = 8_192;
/** Octets of a non-synchronizing literal. RFC 7888 section 5 (LITERAL-). */
export const MAX_NONSYNC_LITERAL = 4_096;
/** Octets of a line of an AUTHENTICATE exchange, as RFC 4954 section 4 has it for SMTP. */
export const MAX_SASL_LINE = 12_288;
/** Parentheses within parentheses. */
export const MAX_DEPTH = 50;
/** Keys of one SEARCH: each is asked of every message. */
export const MAX_SEARCH_KEYS = 1_000;
/** Messages in one APPEND (RFC 3502). */
export const MAX_APPENDED = 1_000;
