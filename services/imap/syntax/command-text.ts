// One command as it was received: its lines and, apart from them, its literals. Pure.

export interface CommandText {
  /**
   * Octets as characters (latin1), without the last CR LF. Where a literal was, its announcement `{n}` and CR LF stand; CR and LF stand
   * nowhere else.
   */
  readonly text: string;
  /** In order. */
  readonly literals: readonly Buffer[];
}

export interface LiteralAnnouncement {
  readonly size: number;
  /** The client waits for our `+` (RFC 9051 section 4.3). */
  readonly synchronizing: boolean;
  /** `~{n}`: may hold NUL (RFC 3516 section 4.2). */
  readonly binary: boolean;
}

const ANNOUNCEMENT = /(~)?\{(\d{1,19})(\+)?\}$/;

/** The literal that this line announces at its end; null when there is none, and the command is complete. */
export function announcedLiteral(line: string): LiteralAnnouncement | null {
  if (!line.endsWith('}')) return null;
  const found = ANNOUNCEMENT.exec(line.slice(-24));
  return found && { size: Number(found[2]), synchronizing: found[3] === undefined, binary: found[1] !== undefined };
}
