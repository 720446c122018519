// Cuts what a client sends in command mode into lines. Only CR LF ends a line (RFC 5321 section 2.3.8), and the result does
// not depend on how TCP cut the bytes. Pure; what cannot be a command line is a value of its own.

export type Line =
  /** Without its CR LF; may hold any octet but CR, LF and NUL. */
  | { readonly kind: 'line'; readonly bytes: Buffer }
  /** Ended by CR LF, but with a bare CR or a NUL inside. */
  | { readonly kind: 'bare-control' }
  /** An LF without a CR: what follows cannot be trusted to be what the client meant. */
  | { readonly kind: 'bare-lf' }
  /** Longer than the limit; its end may not even have come. */
  | { readonly kind: 'too-long' };

const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

export class LineParser {
  #held: Buffer = EMPTY;

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** The next line of at most `limit` bytes (CR LF not counted), or null until more has come. */
  next(limit: number): Line | null {
    const lf = this.#held.indexOf(LF);
    if (lf < 0) return this.#partial(limit);
    const ended = this.#held[lf - 1] === CR;
    const length = ended ? lf - 1 : lf;
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(lf + 1);
    if (length > limit) return { kind: 'too-long' };
    if (!ended) return { kind: 'bare-lf' };
    return bytes.includes(CR) || bytes.includes(0) ? { kind: 'bare-control' } : { kind: 'line', bytes };
  }

  /** Takes out what has not been read as lines, at most `most` bytes: message data, a literal, or what is dropped. */
  rest(most = this.#held.length): Buffer {
    const rest = this.#held.subarray(0, most);
    this.#held = this.#held.length <= most ? EMPTY : this.#held.subarray(most);
    return rest;
  }

  /** True when what is held begins with this text, in any case. */
  startsWith(text: string): boolean {
    return this.#held.length >= text.length && this.#held.toString('latin1', 0, text.length).toUpperCase() === text;
  }

  #partial(limit: number): Line | null {
    const last = this.#held.length - 1;
    // A CR at the end may be the first half of a CR LF.
    const length = this.#held[last] === CR ? last : last + 1;
    if (length <= limit) return null;
    this.#held = EMPTY;
    return { kind: 'too-long' };
  }
}
