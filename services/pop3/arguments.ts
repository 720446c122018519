// The arguments of POP3 commands: message numbers, and nothing more than asked for. Pure; null for what is none.

/** A message number or a count of lines: RFC 1939 section 5 and 7. No sign, at most ten digits. */
export function parseNumber(text: string): number | null {
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

/** Up to `most` arguments divided by single spaces; white space at the end is forgiven. Null when there are more, or an empty one. */
export function parseArguments(argument: string, most: number): readonly string[] | null {
  const text = argument.trimEnd();
  const parts = text === '' ? [] : text.split(' ');
  return parts.length > most || parts.includes('') ? null : parts;
}

export interface CommandLine {
  /** In upper case: keywords are case-insensitive (RFC 1939 section 3). */
  readonly keyword: string;
  /** What follows the keyword and one space, unchanged: a password may begin and end with spaces. */
  readonly argument: string;
}

/** Splits a command line. */
export function parseCommandLine(line: string): CommandLine {
  const space = line.indexOf(' ');
  return space < 0 ? { keyword: line.toUpperCase(), argument: '' } : { keyword: line.slice(0, space).toUpperCase(), argument: line.slice(space + 1) };
}
