// How texts are compared in SEARCH: without case, width and compatibility forms, with any run of white space as one space. Texts are folded
// as they are stored, what is looked for as it is asked, so that both databases only compare characters.

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
  const characters = Array.from(text);
  for (let at = 2; at < characters.length; at++) found.add(`${characters[at - 2]}${characters[at - 1]}${characters[at]}`);
  return [...found];
}

/** Stands in the index for a text with too many trigrams: it is a candidate for every search. */
export const TOO_MANY = '*';
