// Octets to text by the name of a charset (RFC 2978), as the Encoding Standard of browsers reads them. Never fails: what is unknown
// or mislabelled is UTF-8 when it can be, else windows-1252.
import { isUtf8 } from 'node:buffer';

/** Labels that say nothing: what is in them is ASCII, or mislabelled. */
const UNTOLD = /^(?:|us-ascii|ascii|ansi_x3\.4-1968|utf-?8|unknown(?:-8bit)?|x-unknown|8bit|7bit|default)$/i;

/** The text that these octets are in the charset named. Whole characters only: the caller does not cut sequences apart. */
export function decodeCharset(octets: Uint8Array, label: string): string {
  if (UNTOLD.test(label)) return decodeUntold(octets);
  const decoder = decoderOf(label);
  return decoder ? decoder.decode(octets) : decodeUntold(octets);
}

/** True when decodeCharset knows this charset by name: SEARCH CHARSET and BADCHARSET (RFC 9051 section 6.4.4). */
export function isKnownCharset(label: string): boolean {
  return UNTOLD.test(label) || decoderOf(label) !== null;
}

/** UTF-8 (RFC 6532), or the charset that is mostly meant when it is not. */
export function decodeUntold(octets: Uint8Array): string {
  return isUtf8(octets) ? Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('utf8') : new TextDecoder('windows-1252').decode(octets);
}

function decoderOf(label: string): InstanceType<typeof TextDecoder> | null {
  try {
    return new TextDecoder(label.trim());
  } catch {
    return null; // RangeError is how TextDecoder says that it does not know the label
  }
}
