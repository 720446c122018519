// Lines that end with a lone dot: transparency (RFC 5321 section 4.5.2, RFC 1939 section 3), CR LF at the end of every line and nothing else, and the
// final dot. It owns two bits between chunks; the searches are native, for content is most of what a mail server moves.

const CR = 13;
const LF = 10;
const DOT = 46;
const STUFFED = '\r\n.';
/** RFC 5321 section 2.3.8: CR and LF occur only together. */
const BARE = /\r(?!\n)|(?<!\r)\n/;
const FINAL_DOT = Buffer.from('.\r\n');
const LINE_END_AND_FINAL_DOT = Buffer.from('\r\n.\r\n');

/** What ends a DATA that has no content: RFC 2920 section 3.1, when no recipient was accepted and 354 came all the same. */
export const LONE_DOT = FINAL_DOT;

export class DotStuffer {
  #lineStart = true;
  /** A CR at the end of a chunk waits here for its LF. */
  #heldCr = false;

  /** The bytes to send for this chunk. A bare CR or LF becomes CR LF: none is ever emitted (RFC 5321 section 2.3.8). */
  push(chunk: Buffer): Buffer {
    const bytes = this.#joinCr(chunk);
    if (bytes.length === 0) return bytes;
    const lines = BARE.test(bytes.toString('latin1')) ? normalised(bytes) : bytes;
    const dotFirst = this.#lineStart && lines[0] === DOT;
    this.#lineStart = lines[lines.length - 1] === LF;
    return stuffed(lines, dotFirst);
  }

  /** The final dot, with the line end that the content lacks. */
  end(): Buffer {
    return this.#lineStart && !this.#heldCr ? FINAL_DOT : LINE_END_AND_FINAL_DOT;
  }

  #joinCr(chunk: Buffer): Buffer {
    if (chunk.length === 0) return chunk;
    const whole = this.#heldCr ? Buffer.concat([Buffer.of(CR), chunk]) : chunk;
    this.#heldCr = whole[whole.length - 1] === CR;
    return this.#heldCr ? whole.subarray(0, -1) : whole;
  }
}

function normalised(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');
}

function stuffed(bytes: Buffer, dotFirst: boolean): Buffer {
  let found = bytes.indexOf(STUFFED, 0, 'latin1');
  if (found === -1 && !dotFirst) return bytes;
  const pieces: Buffer[] = dotFirst ? [Buffer.of(DOT)] : [];
  let from = 0;
  for (; found !== -1; found = bytes.indexOf(STUFFED, from, 'latin1')) {
    // Up to and with the dot; the next piece begins with the same dot again.
    pieces.push(bytes.subarray(from, found + 3));
    from = found + 2;
  }
  pieces.push(bytes.subarray(from));
  return Buffer.concat(pieces);
}
