// How values are written: atoms, quoted strings, literals (RFC 9051 section 4.3). A piece of a response is text without CR, LF and NUL, or a
// literal; ResponseWriter sends them and refuses any other. Pure.

/** Octets that stand behind their own announcement. */
export class Literal {
  readonly octets: Buffer;
  /** `~{n}`: octets that may hold NUL (RFC 3516 section 4.2). */
  readonly binary: boolean;

  constructor(octets: Buffer, binary = false) {
    this.octets = octets;
    this.binary = binary;
  }
}

export type Piece = string | Literal;

/** RFC 9051 section 9: what need not be quoted. NIL would be taken for nothing. */
const ASTRING = /^(?!nil$)[^\x00-\x20\x7f-\uffff(){%*"\\]+$/i;
/** Nearly all: what stands between quotes as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const QUOTABLE = /^[\x20-\x7e]*$/;
const QUOTABLE_UTF8 = /^[^\x00-\x1f\x7f]*$/;
/** Longer strings are literals: clients have small buffers for quoted ones. */
const MAX_QUOTED = 1000;

/** A string as short as it may be: quoted, or a literal. `utf8`: the client understands UTF-8 in quoted strings (RFC 6855 section 3, RFC 9051 section 4.3). */
export function string(text: string, utf8: boolean): Piece {
  if (text.length <= MAX_QUOTED && PLAIN.test(text)) return `"${text}"`;
  const quotable = text.length <= MAX_QUOTED && (utf8 ? QUOTABLE_UTF8 : QUOTABLE).test(text) && text.isWellFormed();
  // RFC 9051 section 9, CHAR8: no string holds NUL, and no text that we tell of needs one.
  return quotable ? quoted(text) : new Literal(Buffer.from(text.replaceAll('\0', '\uFFFD'), 'utf8'));
}

/** An atom where it can be one, else a string. */
export function astring(text: string, utf8: boolean): Piece {
  return ASTRING.test(text) ? text : string(text, utf8);
}

/** NIL for null. */
export function nstring(text: string | null, utf8: boolean): Piece {
  return text === null ? 'NIL' : string(text, utf8);
}

function quoted(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
