// Content-Transfer-Encoding taken away piece by piece (RFC 2045 section 6), with bounded state. Never fails: octets that do not belong are
// skipped in base64 and passed on in quoted-printable (RFC 2045 section 6.7, section 6.8).

export interface TransferDecoder {
  /** What can be decoded so far. The result may share memory with the piece. */
  write(piece: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
}

/** The decoder of an encoding, by name without case; null when it is none that we know (RFC 3516 section 4.3: UNKNOWN-CTE). */
export function transferDecoder(encoding: string): TransferDecoder | null {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return new Base64Decoder();
    case 'quoted-printable':
      return new QuotedPrintableDecoder();
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return { write: (piece) => piece, end: () => EMPTY };
    default:
      return null;
  }
}

/** Decodes a stream; null when the encoding is unknown. */
export function decodeTransfer(source: AsyncIterable<Buffer>, encoding: string): AsyncIterable<Buffer> | null {
  const decoder = transferDecoder(encoding);
  return decoder && decodeWith(source, decoder);
}

async function* decodeWith(source: AsyncIterable<Buffer>, decoder: TransferDecoder): AsyncGenerator<Buffer> {
  for await (const piece of source) {
    const decoded = decoder.write(piece);
    if (decoded.length > 0) yield decoded;
  }
  const rest = decoder.end();
  if (rest.length > 0) yield rest;
}

const EMPTY = Buffer.alloc(0);
const [CR, LF, SPACE, TAB, EQUALS] = [13, 10, 32, 9, 61];

class Base64Decoder implements TransferDecoder {
  /** Digits of a group that is not complete. */
  #held = EMPTY;

  write(piece: Buffer): Buffer {
    const digits = Buffer.allocUnsafe(this.#held.length + piece.length);
    this.#held.copy(digits);
    let length = this.#held.length;
    const out: Buffer[] = [];
    for (const octet of piece) {
      if (isDigit(octet)) digits[length++] = octet;
      else if (octet === EQUALS && length > 0) {
        // Padding ends a run; some senders join several.
        out.push(decodeDigits(digits, length));
        length = 0;
      }
    }
    const whole = length - (length % 4);
    this.#held = Buffer.from(digits.subarray(whole, length));
    out.push(decodeDigits(digits, whole));
    return out.length === 1 ? (out[0] ?? EMPTY) : Buffer.concat(out);
  }

  end(): Buffer {
    return decodeDigits(this.#held, this.#held.length);
  }
}

function decodeDigits(digits: Buffer, length: number): Buffer {
  return Buffer.from(digits.toString('latin1', 0, length), 'base64');
}

function isDigit(octet: number): boolean {
  return (octet >= 65 && octet <= 90) || (octet >= 97 && octet <= 122) || (octet >= 48 && octet <= 57) || octet === 43 || octet === 47;
}

/** White space that could end a line is held up to this many octets; RFC 2045 section 6.7 allows lines of 76. */
const MOST_HELD = 1024;

class QuotedPrintableDecoder implements TransferDecoder {
  #held = EMPTY;

  write(piece: Buffer): Buffer {
    return this.#decode(this.#held.length > 0 ? Buffer.concat([this.#held, piece]) : piece, false);
  }

  end(): Buffer {
    return this.#decode(this.#held, true);
  }

  #decode(input: Buffer, last: boolean): Buffer {
    const out = Buffer.allocUnsafe(input.length);
    let length = 0;
    let at = 0;
    this.#held = EMPTY;
    while (at < input.length) {
      const octet = input[at] ?? 0;
      if (octet !== EQUALS && octet !== SPACE && octet !== TAB) {
        out[length++] = octet;
        at++;
        continue;
      }
      const from = octet === EQUALS ? at + 1 : at;
      const end = endOfSpace(input, from);
      // What it means is not told yet: an escape needs two digits, white space its successor.
      const open = end >= input.length - (octet === EQUALS ? 1 : 0);
      if (open && !last && input.length - at < MOST_HELD) {
        this.#held = Buffer.from(input.subarray(at));
        break;
      }
      const code = octet === EQUALS ? escaped(input, at) : -1;
      if (code >= 0) {
        out[length++] = code;
        at += 3;
      } else if (octet === EQUALS && (end >= input.length || lineEnd(input, end) > 0)) at = end + lineEnd(input, end);
      else if (octet !== EQUALS && (end >= input.length || lineEnd(input, end) > 0)) at = end;
      else {
        const stop = Math.max(end, at + 1);
        length += input.copy(out, length, at, stop);
        at = stop;
      }
    }
    return out.subarray(0, length);
  }
}

function endOfSpace(input: Buffer, from: number): number {
  let at = from;
  while (input[at] === SPACE || input[at] === TAB) at++;
  return at;
}

function lineEnd(input: Buffer, at: number): number {
  if (input[at] === LF) return 1;
  return input[at] === CR ? (input[at + 1] === LF ? 2 : 1) : 0;
}

/** The octet that `=XX` at this place stands for, or -1. */
function escaped(input: Buffer, at: number): number {
  const [high, low] = [hexDigit(input[at + 1]), hexDigit(input[at + 2])];
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(octet = 0): number {
  if (octet >= 48 && octet <= 57) return octet - 48;
  const upper = octet & 0xdf;
  return upper >= 65 && upper <= 70 ? upper - 55 : -1;
}
