// Names of mailboxes: Unicode in levels divided by `/`. Which names are taken, and in what form; RFC 9051 section 5.1.
import { MAX_NAME, SEPARATOR } from './account-store.ts';
import type { Refusal } from './refusal.ts';

export const INBOX = 'INBOX';
const MAX_LEVELS = 32;

/** RFC 9051 section 5.1: INBOX is the one name without case; here also as the first level of others. Unicode in NFC (RFC 5198 section 3). */
export function mailboxName(name: string): string {
  const [first = '', ...rest] = name.normalize('NFC').split(SEPARATOR);
  return first.toUpperCase() === INBOX ? [INBOX, ...rest].join(SEPARATOR) : name.normalize('NFC');
}

/** The name in the form it is stored, or why not. */
export function acceptableName(given: string): string | Refusal {
  const name = mailboxName(given.endsWith(SEPARATOR) ? given.slice(0, -1) : given);
  const levels = name.split(SEPARATOR);
  const refuse = (text: string): Refusal => ({ kind: 'refused', code: 'CANNOT', text });
  if (levels.some((level) => level === '')) return refuse('a level of the name is empty');
  if (Buffer.byteLength(name) > MAX_NAME || levels.length > MAX_LEVELS) return refuse('the name is too long');
  // RFC 9051 section 6.3.4: wildcards would match themselves; controls are refused by RFC 5198 section 2.
  if (/[*%\p{Cc}\p{Zl}\p{Zp}\u{fffe}\u{ffff}]/u.test(name) || !name.isWellFormed()) return refuse('the name has characters that are not allowed');
  return name;
}

/** `a/b/c` has the parents `a` and `a/b`. */
export function parentsOf(name: string): readonly string[] {
  const levels = name.split(SEPARATOR);
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join(SEPARATOR));
}

export const isBelow = (name: string, parent: string): boolean => name.startsWith(parent + SEPARATOR);
