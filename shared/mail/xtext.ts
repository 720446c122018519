// xtext (RFC 3461 section 4) and its relatives for internationalised addresses (RFC 6533 section 3): how DSN parameters
// carry any text in one SMTP argument. Pure; decoding what is not well-formed gives null.
import { isUtf8 } from 'node:buffer';

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const UNITEXT = /^(?:[!-*,-<>-[\]-~]|[^\x00-\x7F]|\\x\{(?:[1-9A-F][0-9A-F]{1,5}|0[1-9A-F])\})*$/u;

/** RFC 3461 section 4: `+XX` for `+`, `=`, and every octet outside `!` to `~`; UTF-8 octets for what is not ASCII. */
export function encodeXtext(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2b && byte !== 0x3d;
    out += plain ? String.fromCharCode(byte) : `+${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** The text, or null when it is no xtext or its octets are no UTF-8. May contain controls: check before use. */
export function decodeXtext(xtext: string): string | null {
  if (!XTEXT.test(xtext)) return null;
  if (!xtext.includes('+')) return xtext;
  const octets = Buffer.from(
    xtext.replace(/\+(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  return isUtf8(octets) ? octets.toString() : null;
}

/** utf-8-addr-xtext (RFC 6533 section 3): US-ASCII, `\x{HEX}` for all that xtext could not carry and for non-ASCII. */
export function encodeUtf8AddrXtext(text: string): string {
  return text.replace(/[^!-*,-<>-[\]-~]/gu, (character) => `\\x{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}}`);
}

/** Decodes this form, and utf-8-addr-unitext, which has non-ASCII characters as they are (RFC 6533 section 3), or null. May contain controls: check before use. */
export function decodeUtf8Addr(text: string): string | null {
  if (!UNITEXT.test(text)) return null;
  let valid = true;
  const decoded = text.replace(/\\x\{([0-9A-F]+)\}/g, (_, hex: string) => {
    const point = Number.parseInt(hex, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) valid = false;
    return valid ? String.fromCodePoint(point) : '';
  });
  return valid ? decoded : null;
}
