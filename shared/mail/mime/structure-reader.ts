// Finds the entities of a message in octets that come piece by piece (RFC 2046 section 5.1). Owns the state of one message: the open
// parts, one header block, and a line's beginning that may be a delimiter; its memory is bounded by the limits. Nothing is an error.
import { Budget } from './budget.ts';
import { type BlockField, blockFields } from './header-block.ts';
import { parameter } from './parameters.ts';
import type { ParseLimits } from './parse-limits.ts';
import type { Envelope, Part } from './parsed-message.ts';
import { isIdentity, isMessage, isType } from './part-type.ts';
import { readEnvelope } from './read-envelope.ts';
import { readPartHeader } from './read-part-header.ts';

/** Who listens to the contents while they pass. */
export interface StructureListener {
  /** The header of the message itself, or of one nested in it. */
  messageHeader(fields: readonly BlockField[], envelope: Envelope, nested: boolean): void;
  /** The header of a part that is no container has ended. True: its octets are wanted. */
  leafBegins(part: Readonly<Part>): boolean;
  leafOctets(octets: Buffer): void;
  leafEnds(): void;
}

type OpenPart = { -readonly [K in keyof Part]: Part[K] } & { parts?: Part[] };

interface Frame {
  readonly part: OpenPart;
  /** The default type of its children. */
  readonly childType?: string;
  /** `--boundary` while delimiters of this multipart are looked for. */
  delimiter?: Buffer;
  /** Line ends of the whole content before the body. */
  readonly linesBefore: number;
}

type Mode = 'header' | 'body' | 'delimiter';

const [CR, LF, HYPHEN] = [13, 10, 45];
const DELIMITER_LINE = Buffer.from('\n--');
/** RFC 2046 section 5.1.1: a boundary has at most 70 characters. Some senders do not know. */
const MOST_BOUNDARY = 256;
/** Enough of a line to know whether it is a delimiter. */
const LINE_START = MOST_BOUNDARY + 6;

export class StructureReader {
  readonly budget: Budget;
  readonly #listener: StructureListener;
  readonly #limits: ParseLimits;
  readonly #stack: Frame[] = [];
  #mode: Mode = 'header';
  /** Where the header read now belongs. */
  #entity: { readonly head: number; readonly message: boolean; readonly type?: string } = { head: 0, message: true };
  #header: Buffer[] = [];
  #headerOctets = 0;
  /** Octets of the content before the piece in hand. */
  #base = 0;
  #held: Buffer = Buffer.alloc(0);
  #atLineStart = true;
  /** Length of the line end before the line start: it belongs to a delimiter that follows. */
  #newline = 0;
  #lastOctet = 0;
  #lines = 0;
  #parts = 0;
  #delimiters = 0;
  #leafWanted = false;
  /** Delimiter mode: what follows its line. */
  #afterDelimiter: { readonly type?: string } | null = null;

  constructor(limits: ParseLimits, listener: StructureListener) {
    this.budget = new Budget(limits);
    this.#limits = limits;
    this.#listener = listener;
  }

  /** Takes the next octets. Work is linear in them. */
  write(piece: Buffer): void {
    this.#read(this.#held.length > 0 ? Buffer.concat([this.#held, piece]) : piece, false);
  }

  /** The content has ended: the message as a part. */
  end(): Part {
    this.#read(this.#held, true);
    this.#headersEnd(this.#base);
    if (this.#mode === 'delimiter' && this.#afterDelimiter) this.#emptyPart();
    return this.#closeTo(0, this.#base, this.#lines) ?? { head: 0, body: 0, size: 0 };
  }

  #read(octets: Buffer, last: boolean): void {
    let at = 0;
    while (at < octets.length) {
      const next =
        this.#mode === 'header' ? this.#readHeader(octets, at, last) : this.#mode === 'body' ? this.#readBody(octets, at, last) : this.#skipLine(octets, at);
      if (next < 0) break;
      at = next;
    }
    this.#held = at < octets.length ? Buffer.from(octets.subarray(at)) : Buffer.alloc(0);
    this.#base += at;
    if (at > 0) this.#lastOctet = octets[at - 1] ?? 0;
  }

  /** One line of a header, or what has come of it. */
  #readHeader(octets: Buffer, at: number, last: boolean): number {
    const newline = octets.indexOf(LF, at);
    if (this.#atLineStart) {
      if (newline < 0 && !last && octets.length - at < LINE_START) return -1;
      const frame = this.#delimiters > 0 ? this.#delimiterAt(octets, at) : -1;
      if (frame >= 0) {
        // No empty line came: the header ends here and the body is empty.
        this.#headersEnd(this.#base + at);
        return this.#meetDelimiter(octets, at, frame);
      }
      if (newline === at || (newline === at + 1 && octets[at] === CR)) {
        this.#takeLine(octets, at, newline + 1);
        this.#headerEnds(this.#base + newline + 1);
        return newline + 1;
      }
    }
    const end = newline < 0 ? octets.length : newline + 1;
    const room = this.#limits.header - this.#headerOctets;
    if (end - at > room) this.budget.cut = true;
    if (room > 0) this.#header.push(octets.subarray(at, Math.min(end, at + room)));
    this.#headerOctets += end - at;
    this.#takeLine(octets, at, end);
    return end;
  }

  /** Octets up to the next line that could be a delimiter, or that line's verdict. */
  #readBody(octets: Buffer, at: number, last: boolean): number {
    if (this.#delimiters === 0) return this.#content(octets, at, octets.length);
    if (this.#atLineStart && octets[at] === HYPHEN) {
      if (!last && octets.length - at < LINE_START && octets.indexOf(LF, at) < 0) return -1;
      const frame = this.#delimiterAt(octets, at);
      if (frame >= 0) return this.#meetDelimiter(octets, at, frame);
    }
    const next = octets.indexOf(DELIMITER_LINE, at);
    if (next >= 0) return this.#content(octets, at, next + 1);
    // A hyphen at the very end begins a line that is judged when more of it is there.
    const open = !last && octets.length - at >= 2 && octets[octets.length - 1] === HYPHEN && octets[octets.length - 2] === LF;
    return this.#content(octets, at, open ? octets.length - 1 : octets.length);
  }

  #content(octets: Buffer, at: number, end: number): number {
    if (this.#leafWanted) this.#listener.leafOctets(octets.subarray(at, end));
    this.#takeLine(octets, at, end);
    return end;
  }

  /** The rest of a delimiter's line, padding (RFC 2046 section 5.1.1). */
  #skipLine(octets: Buffer, at: number): number {
    const newline = octets.indexOf(LF, at);
    const end = newline < 0 ? octets.length : newline + 1;
    this.#takeLine(octets, at, end);
    if (newline < 0) return end;
    const after = this.#afterDelimiter;
    if (after) this.#beginHeader(this.#base + end, false, after.type);
    else this.#mode = 'body';
    return end;
  }

  /** Counts the line ends of what is passed and remembers how it ends. */
  #takeLine(octets: Buffer, at: number, end: number): void {
    if (end <= at) return;
    for (let newline = octets.indexOf(LF, at); newline >= 0 && newline < end; newline = octets.indexOf(LF, newline + 1)) this.#lines++;
    this.#atLineStart = octets[end - 1] === LF;
    const before = end - 2 >= 0 ? octets[end - 2] : this.#lastOctet;
    this.#newline = this.#atLineStart ? (before === CR ? 2 : 1) : 0;
  }

  /**
   * The index in the stack of the multipart whose delimiter begins this line, or -1. RFC 2046 section 5.1.1: the boundary at the
   * line's beginning decides; where one is the beginning of another, the longer counts, and of equal ones the inner.
   */
  #delimiterAt(octets: Buffer, at: number): number {
    if (octets[at] !== HYPHEN || octets[at + 1] !== HYPHEN) return -1;
    let found = -1;
    let length = 0;
    for (let index = this.#stack.length - 1; index >= 0; index--) {
      const delimiter = this.#stack[index]?.delimiter;
      if (delimiter && delimiter.length > length && startsWith(octets, at, delimiter)) {
        found = index;
        length = delimiter.length;
      }
    }
    return found;
  }

  /** A delimiter of the multipart at this depth: what is within it ends before the line end above. Returns the place behind the boundary. */
  #meetDelimiter(octets: Buffer, at: number, index: number): number {
    const frame = this.#stack[index];
    if (!frame?.delimiter) throw new Error('no delimiter is looked for at this depth');
    const behind = at + frame.delimiter.length;
    const closes = octets[behind] === HYPHEN && octets[behind + 1] === HYPHEN;
    if (!closes && this.#parts >= this.#limits.parts) {
      // The rest is content of the part before.
      this.budget.cut = true;
      for (const open of this.#stack) delete open.delimiter;
      this.#delimiters = 0;
      return this.#content(octets, at, behind);
    }
    this.#closeTo(index + 1, this.#base + at - this.#newline, this.#lines - (this.#newline > 0 ? 1 : 0));
    this.#leafWanted = false;
    this.#mode = 'delimiter';
    this.#takeLine(octets, at, behind);
    if (!closes) {
      this.#afterDelimiter = frame.childType === undefined ? {} : { type: frame.childType };
      return behind;
    }
    this.#afterDelimiter = null;
    delete frame.delimiter;
    this.#delimiters--;
    return behind;
  }

  /** A delimiter at the very end of the content opened a part of nothing. */
  #emptyPart(): void {
    this.#beginHeader(this.#base, false, this.#afterDelimiter?.type);
    this.#headersEnd(this.#base);
  }

  /** The header in hand ends without an empty line; where it announces a message, that one's header is empty. */
  #headersEnd(body: number): void {
    while (this.#mode === 'header') this.#headerEnds(body);
  }

  #beginHeader(head: number, message: boolean, type?: string): void {
    this.#mode = 'header';
    this.#entity = type === undefined ? { head, message } : { head, message, type };
    this.#header = [];
    this.#headerOctets = 0;
    // A delimiter right here has no line end of its own above it to take.
    this.#newline = 0;
    this.#atLineStart = true;
  }

  /** The header in hand ends before `body`: its entity is opened. */
  #headerEnds(body: number): void {
    const { head, message, type } = this.#entity;
    const fields = blockFields(Buffer.concat(this.#header));
    this.#header = [];
    const part: OpenPart = { ...readPartHeader(fields, type, this.budget), head, body, size: 0 };
    this.#parts++;
    const parent = this.#stack.at(-1)?.part;
    if (message) {
      const envelope = readEnvelope(fields, this.budget);
      this.#listener.messageHeader(fields, envelope, this.#stack.length > 0);
      if (parent) parent.msg = { env: envelope, root: part };
    } else parent?.parts?.push(part);
    this.#newline = 0;
    this.#atLineStart = true;
    this.#mode = 'body';
    this.#open(part);
  }

  /** Pushes the part with what its type makes of it: a multipart, a nested message, or a leaf. */
  #open(part: OpenPart): void {
    const frame: Frame = isType(part, 'multipart/digest')
      ? { part, linesBefore: this.#lines, childType: 'message/rfc822' }
      : { part, linesBefore: this.#lines };
    this.#stack.push(frame);
    if (isType(part, 'multipart/') && !parameter(part.params, 'boundary')?.trim()) {
      // RFC 2045 section 5.2: without its required parameter the type cannot be read, and is text/plain
      delete part.type;
      delete part.params;
    }
    const container = isType(part, 'multipart/') || isMessage(part);
    if (container && (this.#stack.length >= this.#limits.depth || this.#parts >= this.#limits.parts)) this.budget.cut = true;
    else if (isType(part, 'multipart/')) return this.#openMultipart(frame);
    else if (isMessage(part) && isIdentity(part.enc)) return this.#beginHeader(part.body, true);
    this.#leafWanted = this.#listener.leafBegins(part);
  }

  #openMultipart(frame: Frame): void {
    const boundary = parameter(frame.part.params, 'boundary')?.trimEnd() ?? '';
    frame.part.parts = [];
    this.#leafWanted = false;
    frame.delimiter = Buffer.from(`--${boundary}`).subarray(0, MOST_BOUNDARY + 2);
    this.#delimiters++;
  }

  /** Closes the frames from this index on at an offset of the content; returns the outermost part closed. */
  #closeTo(index: number, end: number, lines: number): Part | undefined {
    let part: OpenPart | undefined;
    while (this.#stack.length > index) {
      const frame = this.#stack.pop();
      if (!frame) break;
      part = frame.part;
      if (frame.delimiter) this.#delimiters--;
      part.size = Math.max(0, end - part.body);
      const inBody = Math.max(0, lines - frame.linesBefore);
      if (inBody > 0 && (isType(part, 'text/') || isMessage(part))) part.lines = inBody;
      if (!part.parts && !part.msg) this.#listener.leafEnds();
    }
    return part;
  }
}

function startsWith(octets: Buffer, at: number, what: Buffer): boolean {
  for (let index = 0; index < what.length; index++) if (octets[at + index] !== what[index]) return false;
  return true;
}
