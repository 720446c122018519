// The top of a message: header, blank line and so many lines of the body. Stops reading there. Pure but for the stream.
import type { Octets } from '#shared/mailstore/mailbox-store.ts';

const CR = 0x0d;
const LF = 0x0a;

/** RFC 1939 section 7. A line ends with LF, with or without a CR before it. */
export async function* topOf(content: Octets, bodyLines: number): AsyncGenerator<Buffer> {
  const counter = new LineCounter(bodyLines);
  for await (const piece of content) {
    const end = counter.endIn(piece);
    yield end === null ? piece : piece.subarray(0, end);
    if (end !== null) return;
  }
}

class LineCounter {
  #bodyLines: number;
  #inHeader = true;
  /** What has come of the line: nothing, a CR alone, or more. */
  #line: '' | 'CR' | 'text' = '';

  constructor(bodyLines: number) {
    this.#bodyLines = bodyLines;
  }

  /** Where the top ends in this piece, the next of the message; null when it does not. */
  endIn(piece: Buffer): number | null {
    let start = 0;
    for (let lf = piece.indexOf(LF); lf >= 0; lf = piece.indexOf(LF, start)) {
      this.#take(piece, start, lf);
      start = lf + 1;
      if (!this.#inHeader) this.#bodyLines--;
      else if (this.#line !== 'text') this.#inHeader = false;
      this.#line = '';
      if (!this.#inHeader && this.#bodyLines <= 0) return start;
    }
    this.#take(piece, start, piece.length);
    return null;
  }

  #take(piece: Buffer, start: number, end: number): void {
    if (end > start) this.#line = this.#line === '' && end === start + 1 && piece[start] === CR ? 'CR' : 'text';
  }
}
