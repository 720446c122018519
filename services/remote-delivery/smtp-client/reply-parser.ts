// Turns what a next hop sends into replies (RFC 5321 section 4.2). It owns the bytes of an unfinished reply, and no more:
// a line or a reply beyond its bound, or bytes that are no reply, is a ReplySyntaxError and the end of the connection.
import type { Reply } from '#shared/smtp/outcome.ts';

/** RFC 5321 section 4.5.3.1.5 says 512 octets; servers in the field go beyond it. */
export const MAX_REPLY_LINE = 2048;
/** Octets of all lines of one reply. */
export const MAX_REPLY = 65_536;

const LF = 10;
const CR = 13;
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?: +|$)/;
const CONTROLS = /[\x00-\x1F\x7F-\x9F\u2028\u2029]/g;

export class ReplySyntaxError extends Error {
  override readonly name = 'ReplySyntaxError';
}

export class ReplyParser {
  #rest: Buffer | null = null;
  #code = 0;
  #size = 0;
  #enhanced: string | undefined;
  #lines: string[] = [];

  /** True while nothing of an unfinished reply is held. */
  get idle(): boolean {
    return this.#rest === null && this.#lines.length === 0;
  }

  /**
   * Takes what arrived, cut anywhere, and returns the replies that it completes.
   * Throws ReplySyntaxError; the parser is of no use after that.
   */
  push(chunk: Buffer): readonly Reply[] {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    const replies: Reply[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      const reply = this.#line(bytes, start, end);
      if (reply) replies.push(reply);
      start = end + 1;
    }
    if (bytes.length - start > MAX_REPLY_LINE) throw new ReplySyntaxError(`a reply line longer than ${MAX_REPLY_LINE} octets`);
    this.#rest = start === bytes.length ? null : Buffer.from(bytes.subarray(start));
    return replies;
  }

  #line(bytes: Buffer, start: number, lf: number): Reply | null {
    const end = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    if (end - start > MAX_REPLY_LINE) throw new ReplySyntaxError(`a reply line longer than ${MAX_REPLY_LINE} octets`);
    this.#size += end - start;
    if (this.#size > MAX_REPLY) throw new ReplySyntaxError(`a reply longer than ${MAX_REPLY} octets`);
    const code = this.#readCode(bytes, start, end);
    const text = bytes.toString('utf8', Math.min(start + 4, end), end).replace(CONTROLS, '?');
    this.#take(text);
    if (bytes[start + 3] === 0x2d && end > start + 3) return null;
    return this.#finish(code);
  }

  /** The code, then nothing, a space or a hyphen: servers that send no text at all are tolerated (RFC 5321 section 4.2). */
  #readCode(bytes: Buffer, start: number, end: number): number {
    const code = digit(bytes, start) * 100 + digit(bytes, start + 1) * 10 + digit(bytes, start + 2);
    const separator = bytes[start + 3];
    const separated = end === start + 3 || separator === 0x20 || separator === 0x2d;
    const valid = end - start >= 3 && separated && code >= 200 && code <= 599;
    if (!valid) throw new ReplySyntaxError('something that is no SMTP reply');
    if (this.#lines.length > 0 && code !== this.#code) throw new ReplySyntaxError('a reply whose lines have different codes');
    this.#code = code;
    return code;
  }

  /** RFC 2034 section 4: each line begins with the enhanced code, of the class of the reply. */
  #take(text: string): void {
    const match = text.charCodeAt(1) === 0x2e ? ENHANCED.exec(text) : null;
    if (!match) {
      this.#lines.push(text);
      return;
    }
    this.#enhanced ??= match[1];
    this.#lines.push(text.slice(match[0].length));
  }

  #finish(code: number): Reply {
    const reply: Reply = this.#enhanced === undefined ? { code, lines: this.#lines } : { code, enhanced: this.#enhanced, lines: this.#lines };
    this.#lines = [];
    this.#enhanced = undefined;
    this.#size = 0;
    return reply;
  }
}

/** NaN for what is no digit, which makes the code no code. */
function digit(bytes: Buffer, at: number): number {
  const value = (bytes[at] ?? 0) - 0x30;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}
