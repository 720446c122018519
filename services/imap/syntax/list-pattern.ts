// Patterns of LIST and LSUB (RFC 9051 section 6.3.9): `*` is anything, `%` anything within a level. Pure; time is pattern times name at most,
// whatever the pattern.
import { SEPARATOR } from '#shared/mailstore/account-store.ts';

/** True for names that the pattern matches. INBOX has no case. */
export function listMatcher(pattern: string): (name: string) => boolean {
  const compact = pattern.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%');
  const upper = compact.toUpperCase();
  return (name) => matches(compact, name) || (name === 'INBOX' && matches(upper, name));
}

/** RFC 9051 section 6.3.9: the reference is a prefix, unless the pattern begins at the root. */
export function withReference(reference: string, pattern: string): string {
  return pattern.startsWith(SEPARATOR) ? pattern : reference + pattern;
}

/** All places of the pattern that can be reached are followed at once. */
function matches(pattern: string, name: string): boolean {
  let places = reachable(pattern, new Set([0]));
  for (const character of name) {
    const next = new Set<number>();
    for (const at of places) {
      const wanted = pattern.charAt(at);
      if (wanted === '*' || (wanted === '%' && character !== SEPARATOR)) next.add(at);
      else if (pattern.startsWith(character, at) && wanted !== '%') next.add(at + character.length);
    }
    if (next.size === 0) return false;
    places = reachable(pattern, next);
  }
  return places.has(pattern.length);
}

/** With what follows wildcards: they may stand for nothing. */
function reachable(pattern: string, places: Set<number>): Set<number> {
  for (const at of places) if (pattern[at] === '*' || pattern[at] === '%') places.add(at + 1);
  return places;
}
