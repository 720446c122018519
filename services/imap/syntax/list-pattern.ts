// Patterns of LIST and LSUB (RFC 9051 section 6.3.9): `*` is anything, `%` anything within a level. Pure; all patterns are followed at once, as bits of
// one number, so that time is the length of the name times a little, whatever the patterns.
import { SEPARATOR } from '#shared/mailstore/account-store.ts';

/** True for names that one of the patterns matches. INBOX has no case. */
export function listMatcher(patterns: readonly string[]): (name: string) => boolean {
  const matches = matcherOf(patterns);
  const matchesInbox = matcherOf(patterns.map((pattern) => pattern.toUpperCase()));
  return (name) => matches(name) || (name === 'INBOX' && matchesInbox(name));
}

function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const [wild, plain] = [patterns.filter((pattern) => /[*%]/.test(pattern)), new Set(patterns)];
  if (wild.length === 0) return (name) => plain.has(name);
  const places = placesOf(wild);
  return (name) => plain.has(name) || reachesEnd(places, name);
}

/** A bit for each place in the patterns, one behind the other: before each character, and at each end. */
interface Places {
  readonly starts: bigint;
  readonly ends: bigint;
  readonly stars: bigint;
  readonly wildcards: bigint;
  /** Before each character that stands for itself. */
  readonly before: ReadonlyMap<string, bigint>;
}

function placesOf(patterns: readonly string[]): Places {
  let [place, starts, ends, stars, wildcards] = [1n, 0n, 0n, 0n, 0n];
  const before = new Map<string, bigint>();
  for (const pattern of patterns) {
    starts |= place;
    // No two wildcards side by side: the place behind one can be reached with it, and no further.
    for (const character of pattern
      .replace(/[*%]*\*[*%]*/g, '*')
      .replace(/%+/g, '%')
      .split('')) {
      if (character === '*') stars |= place;
      if (character === '*' || character === '%') wildcards |= place;
      else before.set(character, (before.get(character) ?? 0n) | place);
      place <<= 1n;
    }
    ends |= place;
    place <<= 1n;
  }
  return { starts, ends, stars, wildcards, before };
}

function reachesEnd({ starts, ends, stars, wildcards, before }: Places, name: string): boolean {
  const withBehind = (places: bigint) => places | ((places & wildcards) << 1n);
  let places = withBehind(starts);
  for (const character of name.split('')) {
    const stays = places & (character === SEPARATOR ? stars : wildcards);
    places = withBehind(stays | ((places & (before.get(character) ?? 0n)) << 1n));
    if (places === 0n) return false;
  }
  return (places & ends) !== 0n;
}

/** RFC 9051 section 6.3.9: the reference is a prefix, unless the pattern begins at the root. */
export function withReference(reference: string, pattern: string): string {
  return pattern.startsWith(SEPARATOR) ? pattern : reference + pattern;
}
