// What the type and the encoding of a part make of it. Pure.
import type { Part } from './parsed-message.ts';

/** Compares a type, or its first half with the slash. */
export function isType(part: Pick<Part, 'type'>, type: string): boolean {
  return (part.type ?? 'text/plain').toLowerCase().startsWith(type);
}

/** RFC 2046 section 5.2.1, RFC 6532 section 3.7. */
export function isMessage(part: Pick<Part, 'type'>): boolean {
  return /^message\/(?:rfc822|global)$/i.test(part.type ?? '');
}

/** RFC 2046 section 5.2.1: a nested message has no encoding but these; what has is not looked into. */
export function isIdentity(encoding = '7bit'): boolean {
  return /^(?:7bit|8bit|binary)$/i.test(encoding);
}
