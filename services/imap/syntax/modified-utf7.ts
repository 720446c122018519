// Mailbox names of IMAP4rev1 (RFC 3501 section 5.1.3): modified UTF-7, where `&` begins base64 of UTF-16 with `,` for `/`, and `&-` is `&`.
// Pure; what is not well formed is null, so that each name has one form only.

const SHIFTED = /&([A-Za-z0-9+,]*)-|&/g;
const DIRECT = /^[\x20-\x7e]*$/;

/** The name in Unicode, or null when it is not well-formed modified UTF-7. */
export function decodeModifiedUtf7(name: string): string | null {
  if (!DIRECT.test(name)) return null;
  let wrong = false;
  const decoded = name.replace(SHIFTED, (_, base64: string | undefined) => {
    if (base64 === '') return '&';
    const text = base64 === undefined ? null : decodeShifted(base64);
    if (text === null) wrong = true;
    return text ?? '';
  });
  return wrong || encodeModifiedUtf7(decoded) !== name ? null : decoded;
}

/** The name as IMAP4rev1 says it. Lone surrogates do not occur in well-formed names and are encoded as they are. */
export function encodeModifiedUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (text) => (text === '&' ? '&-' : `&${encodeShifted(text)}-`));
}

function decodeShifted(base64: string): string | null {
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
  if (bytes.length === 0 || bytes.length % 2 !== 0) return null;
  const text = bytes.swap16().toString('utf16le');
  return text.isWellFormed() ? text : null;
}

function encodeShifted(text: string): string {
  return Buffer.from(text, 'utf16le').swap16().toString('base64').replaceAll('=', '').replaceAll('/', ',');
}
