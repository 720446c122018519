// Header fields (RFC 5322 section 2.2): a bounded scan of what comes in, and the one serialiser of what goes out, which
// cannot emit a second line that a receiver would read as another field. Pure; malformed input is skipped, not thrown.
import { octetPieces } from './octet-pieces.ts';

/** Bytes of header that we are ready to look at; a message with more is refused (Postfix header_size_limit is 102,400). */
export const MAX_HEADER = 256 * 1024;

/** One field of a header block. */
export interface HeaderField {
  /** As written. */
  readonly name: string;
  /** Unfolded (RFC 5322 section 2.2.3), trimmed; UTF-8 (RFC 6532). */
  readonly value: string;
}

/** What ingress wants to know of a header. */
export interface HeaderFacts {
  /** Bytes of the header block, with the empty line when there is one. */
  readonly length: number;
  /** Received fields: hops so far (RFC 5321 section 6.3). */
  readonly received: number;
  /** At most 100 values that could be addresses: facts are kept for every queued message. */
  readonly deliveredTo: readonly string[];
  /** Its first 998 characters. */
  readonly messageId?: string;
  readonly hasDate: boolean;
  readonly hasFrom: boolean;
}

const CR = 13;
const LF = 10;
const COLON = 58;
const END = Buffer.from('\r\n\r\n');
/** RFC 5322 section 2.1.1: lines should be at most 78 characters, and must be at most 998. */
const FOLD_AT = 78;
export const MAX_LINE = 998;
/** A message that went through more mailboxes ends by its Received fields. */
const MAX_DELIVERED_TO = 100;
const MAX_ADDRESS = 512;

/** Where the body begins: the offset behind the empty line, or -1 when it has not come yet. Search begins at `from`. */
export function endOfHeader(content: Buffer, from = 0): number {
  if (content[0] === CR && content[1] === LF) return 2;
  const at = content.indexOf(END, from);
  return at < 0 ? -1 : at + END.length;
}

/** The fields of a header block that match `wanted` (names in lower case; all when absent), in order. Lines that are no field are skipped. */
export function* headerFields(header: Buffer, wanted?: ReadonlySet<string>): Generator<HeaderField> {
  for (let start = 0; start < header.length; ) {
    const end = endOfField(header, start);
    const colon = start + header.subarray(start, end).indexOf(COLON);
    if (colon > start) {
      const name = header.toString('latin1', start, colon).trimEnd();
      if (/^[!-9;-~]+$/.test(name) && (!wanted || wanted.has(name.toLowerCase()))) yield { name, value: unfold(header.toString('utf8', colon + 1, end)) };
    }
    start = end;
  }
}

/** The offset behind a field: its continuation lines begin with a space or a tab. */
export function endOfField(header: Buffer, start: number): number {
  let end = start;
  do {
    const newline = header.indexOf(LF, end);
    end = newline < 0 ? header.length : newline + 1;
  } while (header[end] === 0x20 || header[end] === 0x09);
  return end;
}

const FACTS: ReadonlySet<string> = new Set(['received', 'delivered-to', 'message-id', 'date', 'from']);

/** Reads the facts out of the header at the start of `content`; without an empty line all of it is header. */
export function scanHeader(content: Buffer): HeaderFacts {
  const end = endOfHeader(content);
  const length = end < 0 ? content.length : end;
  const deliveredTo: string[] = [];
  const seen = new Map<string, number>();
  let messageId: string | undefined;
  for (const { name, value } of headerFields(content.subarray(0, length), FACTS)) {
    const key = name.toLowerCase();
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (key === 'delivered-to' && value.length <= MAX_ADDRESS && deliveredTo.length < MAX_DELIVERED_TO) deliveredTo.push(value);
    if (key === 'message-id') messageId ??= value.slice(0, MAX_LINE);
  }
  const facts = { length, received: seen.get('received') ?? 0, deliveredTo, hasDate: seen.has('date'), hasFrom: seen.has('from') };
  return messageId ? { ...facts, messageId } : facts;
}

/** RFC 5322 section 2.2.3: line breaks before white space go, and so does white space around the value. */
export function unfold(text: string): string {
  return text.replace(/\r?\n(?=[ \t])/g, '').trim();
}

/**
 * One header field, CRLF at its end, folded. `value` may be several parts: each begins a line of its own. Controls
 * (CR and LF among them) become spaces, so a value cannot end its field; without `utf8`, non-ASCII becomes `?`.
 * No line is over 998 octets, if a word must be split for it. Throws on a name that is no field name: a bug.
 */
export function formatField(name: string, value: string | readonly string[], options: { readonly utf8?: boolean } = {}): string {
  if (!/^[!-9;-~]+$/.test(name)) throw new Error('not a header field name');
  const parts = typeof value === 'string' ? [value] : value;
  const lines = parts
    .flatMap((part, index) => foldText(cleanText(part, options.utf8 === true), index === 0 ? name.length + 2 : 1))
    .filter((line) => line !== '');
  return `${name}: ${lines.join('\r\n ')}\r\n`;
}

/** The text as one line for a header or a reply: controls and separators become spaces; without `utf8` only ASCII is left. */
export function cleanText(text: string, utf8 = false): string {
  if (/^[ -~]*$/.test(text)) return text;
  const clean = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').toWellFormed();
  return utf8 ? clean : clean.replace(/[^ -~]/gu, '?');
}

/**
 * Breaks a clean text before its spaces into lines of `width` columns (no word is cut before 920 octets); the first line has
 * `used` columns taken, the others one. Joined by CRLF and a space it unfolds to the same text (RFC 5322 section 2.2.3).
 */
export function foldText(text: string, used = 1, width = FOLD_AT): string[] {
  const lines: string[] = [];
  let line = '';
  let room = width - used;
  for (const token of tokens(text)) {
    if (line !== '' && line.length + token.length > room) {
      lines.push(line);
      line = token.replace(/^ /, '');
      room = width - 1;
    } else line += token;
  }
  return [...lines, line];
}

/** Words, each with the spaces before it. A line's worth of spaces is one: nobody means it, and it must not make an empty line. */
function tokens(text: string): string[] {
  const words =
    text
      .trim()
      .replace(/ {30,}/g, ' ')
      .match(/ *[^ ]+/g) ?? [];
  return words.flatMap(splitLongWord);
}

/** A word that fits no line is cut (by octets, at character borders): a broken word beats a refused message. */
function splitLongWord(word: string): string[] {
  const most = MAX_LINE - FOLD_AT;
  if (word.length * 3 <= most || Buffer.byteLength(word) <= most) return [word];
  return octetPieces(word, most);
}
