// Flags as numbers: five bits for the system flags, above them the number of a set of keywords (keyword-sets.ts). Pure values.
import { type FlagCode, SYSTEM_FLAGS } from './account-store.ts';
import type { FlagChange } from './mailbox-store.ts';
import type { Refusal } from './refusal.ts';

/** What the number of a keyword set counts in a code. */
export const SET_UNIT = 32;
const ALL_BITS = SET_UNIT - 1;

/** Limits of one message. */
const MAX_KEYWORDS = 100;
const MAX_KEYWORD = 128;
/** All keywords of a message together: a key of the database's index has 2,700 octets at most. */
const MAX_TOGETHER = 2000;
/** RFC 9051 section 9 (flag-keyword is an atom): no specials, no controls, ASCII. */
const KEYWORD = /^[^\s(){%*"\\\]\p{Cc}\u{80}-\u{10ffff}]+$/u;

export interface Flags {
  readonly bits: number;
  readonly keywords: readonly string[];
}

export const setOf = (code: FlagCode): number => Math.floor(code / SET_UNIT);
export const bitsOf = (code: FlagCode): number => code % SET_UNIT;
export const codeOf = (bits: number, set: number): FlagCode => set * SET_UNIT + bits;

const BIT_OF = new Map(Object.entries(SYSTEM_FLAGS).map(([name, bit]) => [name.toLowerCase(), bit]));
const NAMES = Array.from({ length: SET_UNIT }, (_, bits) => Object.entries(SYSTEM_FLAGS).flatMap(([name, bit]): string[] => (bits & bit ? [name] : [])));

/** Names of the system flags among these bits. */
export const systemFlags = (bits: number): readonly string[] => NAMES[bits] ?? [];

/** The bit of a system flag, in any case; undefined for what is none. */
export const systemBit = (flag: string): number | undefined => BIT_OF.get(flag.toLowerCase());

/** Keywords are the same without case (RFC 9051 section 2.3.2). */
export const sameKeyword = (keyword: string): string => keyword.toLowerCase();

/** Sorts flags into bits and keywords; \Recent is the server's own and passed over. */
export function parseFlags(flags: readonly string[]): Flags | Refusal {
  let bits = 0;
  const keywords = new Map<string, string>();
  for (const flag of flags) {
    const bit = systemBit(flag);
    if (bit !== undefined) bits |= bit;
    else if (flag.toLowerCase() !== '\\recent') keywords.set(sameKeyword(flag), flag);
  }
  for (const keyword of keywords.values()) {
    if (keyword.length > MAX_KEYWORD) return { kind: 'refused', code: 'LIMIT', text: 'a keyword is too long' };
    if (!KEYWORD.test(keyword)) return { kind: 'refused', code: 'CANNOT', text: 'not a flag or keyword' };
  }
  return tooMany([...keywords.values()]) ?? { bits, keywords: [...keywords.values()] };
}

export function tooMany(keywords: readonly string[]): Refusal | null {
  if (keywords.length <= MAX_KEYWORDS && keywords.join(' ').length <= MAX_TOGETHER) return null;
  return { kind: 'refused', code: 'LIMIT', text: 'too many keywords on a message' };
}

/** The bits after a change. */
export function changedBits(bits: number, change: FlagChange, by: number): number {
  if (change === 'add') return bits | by;
  return change === 'remove' ? bits & (ALL_BITS ^ by) : by;
}

/** The keywords after a change, in the spelling they had first. */
export function changedKeywords(present: readonly string[], change: FlagChange, by: readonly string[]): readonly string[] {
  if (change === 'replace') return by;
  const same = new Set(by.map(sameKeyword));
  const others = present.filter((keyword) => !same.has(sameKeyword(keyword)));
  if (change === 'remove') return others;
  const had = new Set(present.map(sameKeyword));
  return [...present, ...by.filter((keyword) => !had.has(sameKeyword(keyword)))];
}
