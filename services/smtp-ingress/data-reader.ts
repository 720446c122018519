// Reads message data behind 354: finds CR LF . CR LF, undoes dot-stuffing (RFC 5321 section 4.5.2) and notices what must not be
// in a message. Works on whole chunks with native searches. Pure; the result does not depend on how TCP cut the bytes.

/** What one chunk brought. */
export interface DataPart {
  /** Content, dot-stuffing undone; may be empty. */
  readonly content: Buffer;
  /** What followed the end of data (maybe nothing), or null while the end has not come. */
  readonly rest: Buffer | null;
}

/** Why content may not be passed on: we never emit a bare CR or LF (RFC 5321 section 2.3.8), and NUL is not text (RFC 2045 section 2.8). */
export type DataFault = 'bare-newline' | 'nul';

/** Where the last chunk ended. `dot` and `dot-cr`: behind CR LF, and that many bytes are not content yet. */
type State = 'line-start' | 'dot' | 'dot-cr' | 'cr' | 'middle' | 'ended';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const STUFFED = Buffer.from('\r\n.');
const CR_BYTE = Buffer.from('\r');
const EMPTY = Buffer.alloc(0);

export class DataReader {
  #state: State = 'line-start';
  #afterCr = false;
  #fault: DataFault | null = null;

  /** The first fault met, or null. Content is read to its end nevertheless: only there may commands follow. */
  get fault(): DataFault | null {
    return this.#fault;
  }

  feed(chunk: Buffer): DataPart {
    const parts: Buffer[] = [];
    const rest = this.#cut(chunk, parts);
    const content = parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts);
    if (content.length > 0 && this.#fault === null) this.#check(content);
    return { content, rest };
  }

  /** Pushes the content of `chunk` on `parts`; returns what is behind the end of data, or null. */
  #cut(chunk: Buffer, parts: Buffer[]): Buffer | null {
    let at = this.#resume(chunk, parts);
    if (this.#state === 'ended') return chunk.subarray(at);
    for (;;) {
      if (at === chunk.length) return null;
      const hit = chunk.indexOf(STUFFED, at);
      if (hit < 0) break;
      parts.push(chunk.subarray(at, hit + 2));
      at = hit + 3;
      if (chunk[at] === CR && chunk[at + 1] === LF) return chunk.subarray(at + 2);
      this.#state = 'dot';
      if (at === chunk.length) return null;
      if (chunk[at] === CR && at + 1 === chunk.length) {
        this.#state = 'dot-cr';
        return null;
      }
    }
    parts.push(chunk.subarray(at));
    this.#state = endOf(chunk, at);
    return null;
  }

  /** Finishes what the last chunk left open; returns the offset behind that. */
  #resume(chunk: Buffer, parts: Buffer[]): number {
    let at = 0;
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#state === 'cr' && byte === LF) {
        parts.push(chunk.subarray(at, at + 1));
        this.#state = 'line-start';
      } else if (this.#state === 'line-start' && byte === DOT) this.#state = 'dot';
      else if (this.#state === 'dot' && byte === CR) this.#state = 'dot-cr';
      else if (this.#state === 'dot-cr' && byte === LF) {
        this.#state = 'ended';
        return at + 1;
      } else break;
    }
    if (at === chunk.length) return at;
    // The dot was stuffing; the CR behind it turned out to be bare.
    if (this.#state === 'dot-cr') parts.push(CR_BYTE);
    return at;
  }

  /** Each CR must have its LF and each LF its CR, across chunks too. Native searches: no copy, nothing for the collector. */
  #check(content: Buffer): void {
    let at = 0;
    if (this.#afterCr && content[at++] !== LF) this.#fault = 'bare-newline';
    this.#afterCr = content[content.length - 1] === CR;
    const end = this.#afterCr ? content.length - 1 : content.length;
    while (this.#fault === null && at < end) {
      const lf = content.indexOf(LF, at);
      const cr = content.indexOf(CR, at);
      if (lf < 0 && (cr < 0 || cr === end)) break;
      if (lf !== cr + 1 || cr < 0) this.#fault = 'bare-newline';
      at = lf + 1;
    }
    if (this.#fault === null && content.includes(0)) this.#fault = 'nul';
  }
}

function endOf(chunk: Buffer, from: number): State {
  const last = chunk.length - 1;
  if (chunk[last] === CR) return 'cr';
  return chunk[last] === LF && last > from && chunk[last - 1] === CR ? 'line-start' : 'middle';
}
