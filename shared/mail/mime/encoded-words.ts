// Encoded words of header fields (RFC 2047), read leniently and written strictly. Pure; malformed words stay as they are.
import { octetPieces } from '../octet-pieces.ts';
import { decodeCharset } from './charset.ts';

const WORD = /=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([BbQq])\?([^?\r\n]*)\?=/g;

/**
 * The text with its encoded words decoded. Neighbours in one charset are decoded together, for characters that a sender cut apart;
 * white space between encoded words is not part of the text (RFC 2047 section 6.2).
 */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text;
  let out = '';
  let end = 0;
  let charset = '';
  let held: Buffer[] = [];
  const flush = (): void => {
    if (held.length > 0) out += decodeCharset(Buffer.concat(held), charset);
    held = [];
  };
  for (const match of text.matchAll(WORD)) {
    const between = text.slice(end, match.index);
    const label = (match[1] ?? '').toLowerCase();
    const joined = end > 0 && /^\s*$/.test(between);
    if (!joined || label !== charset) flush();
    if (!joined) out += between;
    charset = label;
    held.push(wordOctets(match[2] ?? '', match[3] ?? ''));
    end = match.index + match[0].length;
  }
  flush();
  return out + text.slice(end);
}

function wordOctets(encoding: string, text: string): Buffer {
  if (encoding.toUpperCase() === 'B') return Buffer.from(text, 'base64');
  // RFC 2047 section 4.2: an underline is always a space
  const unescaped = text.replace(/_/g, ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /[^\x00-\xFF]/.test(unescaped) ? Buffer.from(text, 'utf8') : Buffer.from(unescaped, 'latin1');
}

/** Octets of text in one encoded word: with `=?utf-8?B?` and `?=` at most 75 (RFC 2047 section 2). */
const WORD_OCTETS = 45;

/** The text in US-ASCII: as it is, or as encoded words in UTF-8, one space between them. */
export function encodeWords(text: string): string {
  if (/^[\x00-\x7F]*$/.test(text)) return text;
  // RFC 2047 section 5: no character is split between two words
  return octetPieces(text.toWellFormed(), WORD_OCTETS)
    .map((piece) => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`)
    .join(' ');
}
