// What a parser of this layer answers: the value, or a problem that the caller turns into a reply. Parsers do not throw.

export interface Problem {
  /**
   * - `syntax`: not what the grammar allows (501).
   * - `too-long`: over a limit of RFC 5321 section 4.5.3.1 (501).
   * - `parameter`: not what the grammar of parameters allows (501 5.5.4).
   * - `unrecognised`: a parameter that we do not know (RFC 5321 section 4.1.1.11: 555).
   */
  readonly kind: 'syntax' | 'too-long' | 'parameter' | 'unrecognised';
  /** One line of ASCII that may follow the codes of a reply; never contains the input. */
  readonly text: string;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** The parse succeeded. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** The parse failed. */
export function refused(kind: Problem['kind'], text: string): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: { kind, text } };
}
