// How texts are compared in SEARCH: without case, width and compatibility forms, with any run of white space as one space. Texts are folded
// as they are stored, what is looked for as it is asked, so that both databases only compare characters.
import { turn } from '#shared/mail/turns.ts';

/** Characters: what folding makes longer is cut. */
const MOST = 256 * 1024;

/** Without NUL: most mail, and five times as fast. */
const ASCII = /^[\x01-\x7f]*$/;

/** The folded text; line feeds are white space. */
export function fold(text: string): string {
  return foldLines(text).replace(/ ?\n\s*/g, ' ');
}

/** The same with line feeds kept: a header with a field on each line. */
export function foldLines(text: string): string {
  const plain = ASCII.test(text);
  const folded = plain ? text.toLowerCase() : storable(text).normalize('NFKC').toLowerCase().normalize('NFC');
  // One space is the usual run, and stays without a match.
  const spaced = folded.replace(/[^\S\n ][^\S\n]*| [^\S\n]+/g, ' ').slice(0, MOST);
  return plain ? spaced : spaced.toWellFormed();
}

/** What every database takes as text: no NUL (PostgreSQL), no half of a surrogate pair. */
export function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

/** Every run of three characters, each once. */
export function trigramsOf(text: string): readonly string[] {
  const found = new Set<string>();
  addTrigrams(found, text, 0, text.length);
  return [...found];
}

/** Characters of which the trigrams are found in one go. */
const SLICE = 8192;

/** The same of a long text, up to a few more than `most` of them; lets the loop turn. */
export async function gatherTrigrams(text: string, most: number): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let at = 0; at < text.length && found.size <= most; ) {
    at = addTrigrams(found, text, at, at + SLICE);
    const later = turn();
    if (later) await later;
  }
  return found;
}

/** Those that begin at `from` or later, before `to`; returns where the next one begins. The text is well-formed. */
function addTrigrams(found: Set<string>, text: string, from: number, to: number): number {
  let at = from;
  for (; at < to && at < text.length; at = after(text, at)) {
    const end = after(text, after(text, after(text, at)));
    if (end <= text.length) found.add(text.slice(at, end));
  }
  return at;
}

/** Where the next character begins: some are two code units. */
const after = (text: string, at: number): number => at + ((text.charCodeAt(at) & 0xfc00) === 0xd800 ? 2 : 1);

/** Stands in the index for a text with too many trigrams: it is a candidate for every search. */
export const TOO_MANY = '*';
