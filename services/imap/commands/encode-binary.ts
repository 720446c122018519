// A message that comes as literal8 may have parts in their own octets, NUL among them (RFC 3516 section 4.2). BODY cannot send those, so they
// are stored in base64: the message is rewritten as it streams by. Bounded: a header is held, of a body no more than a piece. Pure.
import { blockFields, fieldText } from '#shared/mail/mime/header-block.ts';
import { parameter, parseParameters } from '#shared/mail/mime/parameters.ts';

/** Octets of a header; what follows a longer one is left as it is. */
const MOST_HEADER = 1_048_576;
/** Octets of a piece of a line that is longer. */
const PIECE = 65_536;
/** RFC 2045 section 6.8: lines of 76 characters. */
const OCTETS_OF_LINE = 57;

const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

/** The message with every part of Content-Transfer-Encoding binary in base64. */
export async function* encodeBinary(message: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const encoder = new BinaryEncoder();
  for await (const { octets, startsLine } of piecesOf(message)) {
    const encoded = encoder.take(octets, startsLine);
    if (encoded.length > 0) yield encoded;
  }
  yield encoder.end();
}

/** Lines with their ends, the longer ones in pieces. */
async function* piecesOf(message: AsyncIterable<Buffer>): AsyncGenerator<{ octets: Buffer; startsLine: boolean }> {
  let held: Buffer = EMPTY;
  let startsLine = true;
  for await (const chunk of message) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.subarray(0, PIECE).indexOf(LF) + 1;
      if (end === 0 && held.length < PIECE) break;
      const octets = held.subarray(0, end || PIECE);
      held = held.subarray(octets.length);
      yield { octets, startsLine };
      startsLine = end > 0;
    }
  }
  if (held.length > 0) yield { octets: held, startsLine };
}

class BinaryEncoder {
  #within: 'header' | 'text' | 'binary' = 'header';
  /** `--boundary` of each multipart that we are in. */
  readonly #delimiters: string[] = [];
  #header: Buffer[] = [];
  #headerLength = 0;
  /** Not yet encoded: less than a line, and the line end that may belong to a delimiter. */
  #rest: Buffer = EMPTY;
  #lineEnd: Buffer = EMPTY;

  take(octets: Buffer, startsLine: boolean): Buffer {
    if (startsLine && this.#delimiters.length > 0 && octets[0] === 0x2d && octets[1] === 0x2d) {
      const before = this.#endAt(octets);
      if (before) return Buffer.concat([before, octets]);
    }
    if (this.#within === 'header') return this.#takeHeader(octets);
    return this.#within === 'text' ? octets : this.#encode(octets);
  }

  end(): Buffer {
    if (this.#within === 'header') return Buffer.concat(this.#header);
    return this.#within === 'binary' ? this.#finish(Buffer.concat([this.#rest, this.#lineEnd])) : EMPTY;
  }

  /** What is to be written before a delimiter; null when this line is none. RFC 2046 section 5.1.1. */
  #endAt(line: Buffer): Buffer | null {
    const text = line.toString('latin1').trimEnd();
    const depth = this.#delimiters.findLastIndex((delimiter) => text === delimiter || text === `${delimiter}--`);
    if (depth < 0) return null;
    const before = this.#within === 'binary' ? this.#finish(this.#rest) : Buffer.concat(this.#header);
    this.#header = [];
    this.#headerLength = 0;
    const closes = text !== this.#delimiters[depth];
    this.#delimiters.length = closes ? depth : depth + 1;
    this.#within = closes ? 'text' : 'header';
    return before;
  }

  #takeHeader(octets: Buffer): Buffer {
    this.#header.push(octets);
    this.#headerLength += octets.length;
    const ended = octets.length <= 2 && octets.toString('latin1').trim() === '';
    if (!ended && this.#headerLength <= MOST_HEADER) return EMPTY;
    const header = Buffer.concat(this.#header);
    this.#header = [];
    this.#headerLength = 0;
    this.#within = 'text';
    return ended ? this.#enter(header) : header;
  }

  /** Begins what the header announces; the header as it is stored. */
  #enter(header: Buffer): Buffer {
    const fields = blockFields(header);
    const type = fields.find(({ name }) => name === 'content-type');
    const encoding = fields.find(({ name }) => name === 'content-transfer-encoding');
    const { value = '', params = [] } = type ? parseParameters(fieldText(type)) : {};
    const composite = /^(?:multipart|message)\//i.test(value);
    const boundary = /^multipart\//i.test(value) ? parameter(params, 'boundary')?.trimEnd() : undefined;
    if (boundary) this.#delimiters.push(`--${boundary}`);
    if (/^message\/(?:rfc822|global)$/i.test(value)) this.#within = 'header';
    if (!encoding || fieldText(encoding).toLowerCase() !== 'binary') return header;
    if (!composite) this.#within = 'binary';
    const at = header.indexOf(encoding.octets);
    // RFC 2045 section 6.4: what holds other parts has no encoding of its own.
    const field = Buffer.from(`Content-Transfer-Encoding: ${composite ? '8bit' : 'base64'}\r\n`);
    return Buffer.concat([header.subarray(0, at), field, header.subarray(at + encoding.octets.length)]);
  }

  #encode(octets: Buffer): Buffer {
    const all = Buffer.concat([this.#rest, this.#lineEnd, octets]);
    const end = all.at(-1) === LF ? (all.at(-2) === 0x0d ? 2 : 1) : 0;
    const body = all.length - end;
    const whole = body - (body % OCTETS_OF_LINE);
    this.#rest = all.subarray(whole, body);
    this.#lineEnd = all.subarray(body);
    return lines(all.subarray(0, whole));
  }

  #finish(octets: Buffer): Buffer {
    this.#rest = EMPTY;
    this.#lineEnd = EMPTY;
    return lines(octets);
  }
}

/** Base64 in lines, each with CR LF. */
function lines(octets: Buffer): Buffer {
  return Buffer.from(octets.toString('base64').replace(/.{1,76}/g, '$&\r\n'));
}
