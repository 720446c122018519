// What stands before the keys: the charset of their strings (RFC 9051 section 6.4.4), and the code when we do not know it. Throws BadSyntax.
import { isKnownCharset } from '#shared/mail/mime/charset.ts';
import type { SearchCriterion } from '#shared/mailstore/search-criteria.ts';
import { type Completion, no } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { readKeys } from './search-keys.ts';

/** Null: the strings are in a charset that we do not know. */
export type SearchProgram = SearchCriterion | null;

/** `CHARSET name keys`, or keys in UTF-8. */
export function readProgram(args: ArgumentReader, session: Session): SearchProgram {
  if (!args.takeKeyword('CHARSET')) return readWith(args, session, 'utf-8');
  // RFC 6855 section 3: all strings are in UTF-8 then, and a charset contradicts that.
  if (session.features.utf8Accept) throw new BadSyntax('CHARSET does not go with UTF8=ACCEPT');
  args.space();
  return readCharsetAndKeys(args, session);
}

/** `name keys`: SORT and THREAD always name a charset (RFC 5256 section 3). */
export function readCharsetAndKeys(args: ArgumentReader, session: Session): SearchProgram {
  const charset = args.astring();
  args.space();
  if (session.features.utf8Accept && charset.toUpperCase() !== 'UTF-8') throw new BadSyntax('The only charset with UTF8=ACCEPT is UTF-8');
  if (isKnownCharset(charset)) return readWith(args, session, charset);
  args.rest();
  return null;
}

function readWith(args: ArgumentReader, { mailbox }: Session, charset: string): SearchProgram {
  const criterion = readKeys(args, { mailbox, charset, keys: 0 });
  args.end();
  return criterion;
}

/** RFC 9051 section 7.1, BADCHARSET: with some that we know. */
export function badCharset(): Completion {
  return no('This charset is not known here', 'BADCHARSET (US-ASCII UTF-8)');
}
