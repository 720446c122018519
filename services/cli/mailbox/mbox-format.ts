// The mbox format (RFC 4155, and mboxrd's quoting): where messages begin, what their separator and their Status fields say, and how `From ` at
// the start of a line is quoted. Streams and values; holds at most one line of 64 KB.

const LF = 10;
const GREATER = 0x3e;
/** Longer lines come in pieces: nothing of them needs quoting but their start. */
const MAX_LINE = 64 * 1024;
/** Bytes of a separator line that are looked at. */
export const MAX_SEPARATOR = 512;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const SEPARATOR_DATE = /\b([A-Z][a-z]{2}) +(\d{1,2}) +(\d{1,2}):(\d{2})(?::(\d{2}))?(?: +(?:[+-]\d{4}|[A-Z]{1,5}))? +(\d{4})(?: +([+-]\d{2})(\d{2}))?\s*$/;

/** RFC 4155 appendix A: the date of `From sender Thu Nov 19 10:00:00 2026`, milliseconds since the epoch; null when the line is no separator. */
export function separatorDate(line: string): number | null {
  const [, month = '', day, hour, minute, second = '0', year, zoneHours = '0', zoneMinutes = '0'] = SEPARATOR_DATE.exec(line) ?? [];
  const index = MONTHS.indexOf(month);
  if (!line.startsWith('From ') || index < 0) return null;
  const local = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second));
  const sign = zoneHours.startsWith('-') ? -1 : 1;
  return local - Number(zoneHours) * 3_600_000 - sign * Number(zoneMinutes) * 60_000;
}

/** The separator of one message. What a sender wrote can make no second line. */
export function separator(sender: string, receivedAt: number): string {
  const date = new Date(receivedAt);
  const two = (number: number): string => String(number).padStart(2, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const named = sender.replaceAll(/[\s\p{Cc}]/gu, '') || 'MAILER-DAEMON';
  return `From ${named} ${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${time} ${date.getUTCFullYear()}\n`;
}

/** The same octets in pieces that end where lines end, unless a line is very long. */
async function* wholeLines(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const all = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
    const end = all.lastIndexOf(LF) + 1;
    if (end > 0) yield all.subarray(0, end);
    held = Buffer.from(all.subarray(end));
    if (held.length < MAX_LINE) continue;
    yield held;
    held = Buffer.alloc(0);
  }
  if (held.length > 0) yield held;
}

/** mboxrd: a line that is `From ` behind any number of `>` gets one more. */
export function quoted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return requoted(source, /^>*From /, (octet) => Buffer.concat([Buffer.from('>'), octet]));
}

/** The reverse of `quoted`. Of mboxo, which quotes `From ` alone and not what is quoted already, only the first `>` goes. */
export function unquoted(source: AsyncIterable<Buffer>, dialect: 'mboxrd' | 'mboxo'): AsyncGenerator<Buffer> {
  return requoted(source, dialect === 'mboxrd' ? /^>+From / : /^>From /, () => Buffer.alloc(0));
}

/** `first` becomes of the first octet of each line that begins like `pattern`. */
async function* requoted(source: AsyncIterable<Buffer>, pattern: RegExp, first: (octet: Buffer) => Buffer): AsyncGenerator<Buffer> {
  let atStart = true;
  for await (const piece of wholeLines(source)) {
    const parts: Buffer[] = [];
    let from = 0;
    for (let line = atStart ? 0 : piece.indexOf(LF) + 1; line < piece.length && (line > 0 || atStart); line = piece.indexOf(LF, line) + 1 || piece.length) {
      if (!mayBeFrom(piece, line) || !pattern.test(piece.toString('latin1', line, endOfMark(piece, line)))) continue;
      parts.push(piece.subarray(from, line), first(piece.subarray(line, line + 1)));
      from = line + 1;
    }
    parts.push(piece.subarray(from));
    yield parts.length === 1 ? piece : Buffer.concat(parts);
    atStart = piece[piece.length - 1] === LF;
  }
}

const F = 0x46;
const mayBeFrom = (piece: Buffer, at: number): boolean => piece[at] === GREATER || piece[at] === F;

/** Behind the `>` and `From `, or where it turns out to be something else. */
function endOfMark(piece: Buffer, start: number): number {
  let at = start;
  while (piece[at] === GREATER) at++;
  return Math.min(piece.length, at + 5);
}

/** Flags as the letters of the fields Status and X-Status, which many mail readers write. */
const STATUS: readonly (readonly [field: 'Status' | 'X-Status', letter: string, flag: string])[] = [
  ['Status', 'R', '\\Seen'],
  ['X-Status', 'A', '\\Answered'],
  ['X-Status', 'F', '\\Flagged'],
  ['X-Status', 'T', '\\Draft'],
  ['X-Status', 'D', '\\Deleted'],
];

/** The fields that carry flags, above the message's own header: all three, for the first of each is read back as ours. */
export function statusFields(flags: readonly string[]): string {
  const letters = (field: string): string => STATUS.flatMap(([of, letter, flag]) => (of === field && flags.includes(flag) ? [letter] : [])).join('');
  const keywords = flags.filter((flag) => /^[\x21-\x7e]+$/.test(flag) && !flag.startsWith('\\'));
  return `Status: ${letters('Status')}O\nX-Status: ${letters('X-Status')}\nX-Keywords: ${keywords.join(' ')}\n`;
}

const OURS = new Set(['status', 'x-status', 'x-keywords']);

/** A header (as it stands in the file) without the first Status, X-Status and X-Keywords, and the flags that they say. */
export function takeStatus(header: Buffer): { readonly header: Buffer; readonly flags: readonly string[] } {
  const found = new Map<string, string>();
  const kept: Buffer[] = [];
  let dropping = false;
  for (let at = 0; at < header.length; ) {
    const end = header.indexOf(LF, at) + 1 || header.length;
    const line = header.subarray(at, end);
    at = end;
    const folded = line[0] === 0x20 || line[0] === 0x09;
    if (!folded) {
      const [, name = '', value = ''] = /^([A-Za-z-]+):(.*)/.exec(line.toString('latin1', 0, MAX_SEPARATOR)) ?? [];
      const field = name.toLowerCase();
      dropping = OURS.has(field) && !found.has(field);
      if (dropping) found.set(field, value.trim());
    }
    if (!dropping) kept.push(line);
  }
  const system = STATUS.flatMap(([field, letter, flag]) => (found.get(field.toLowerCase())?.includes(letter) ? [flag] : []));
  const keywords = (found.get('x-keywords') ?? '').split(/[\s,]+/).filter(Boolean);
  return { header: Buffer.concat(kept), flags: [...system, ...keywords] };
}
