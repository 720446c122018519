// Mailbox names as names of folders and files (Maildir++), both ways: levels divided by dots, each in the modified UTF-7 of IMAP (RFC 3501
// section 5.1.3), which can also hide what a path or a terminal would obey. Pure: a name of a mailbox never becomes a path.
import { createHash } from 'node:crypto';

/** Octets of a file name, less the room for what is put around it. */
const MAX_NAME = 200;
/** Written as they are; the rest, dots and slashes above all, is shifted. */
const PLAIN = /[A-Za-z0-9 _+@,=()-]/;

/** `Work/2024` as `Work.2024`. Names that would be too long end in a digest. */
export function encodeFolder(name: string): string {
  const encoded = name.split('/').map(encodeLevel).join('.');
  if (encoded.length <= MAX_NAME) return encoded;
  return `${encoded.slice(0, MAX_NAME - 17)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

function encodeLevel(level: string): string {
  let text = '';
  let shifted = '';
  const end = (): void => {
    if (shifted === '') return;
    text += `&${Buffer.from(shifted, 'utf16le').swap16().toString('base64').replaceAll('/', ',').replace(/=+$/, '')}-`;
    shifted = '';
  };
  for (let at = 0; at < level.length; at++) {
    const unit = level.charAt(at);
    // A blank at the end of a name is lost on some file systems.
    if (PLAIN.test(unit) && !(unit === ' ' && at === level.length - 1)) {
      end();
      text += unit;
    } else shifted += unit;
  }
  end();
  return text;
}

/** `Work.2024` as `Work/2024`: what is no modified UTF-7 is taken as the UTF-8 that it then is. */
export function decodeFolder(folder: string): string {
  return folder.split('.').map(decodeLevel).join('/');
}

/** One level of a name. What no mailbox name may hold (RFC 9051 section 5.1, and the separator) becomes `_`. */
export function decodeLevel(level: string): string {
  const decoded = level.replaceAll(/&([A-Za-z0-9+,]*)-/g, (whole, base64: string) => (base64 === '' ? '&' : (fromBase64(base64) ?? whole)));
  return decoded
    .normalize('NFC')
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}/%*]/gu, '_');
}

function fromBase64(text: string): string | null {
  const bytes = Buffer.from(text.replaceAll(',', '/'), 'base64');
  return bytes.length > 0 && bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : null;
}
