// What SEARCH and SORT ask, as values: a tree over columns, header fields and text (RFC 9051 section 6.4.4, RFC 5256 section 3).
// Sequence numbers, `$` and date texts are the session's to resolve: here are UIDs, milliseconds and days.
import type { UidSet } from './uid-set.ts';

export type SearchCriterion =
  | { readonly kind: 'all' }
  | { readonly kind: 'and'; readonly of: readonly SearchCriterion[] }
  | { readonly kind: 'or'; readonly of: readonly SearchCriterion[] }
  | { readonly kind: 'not'; readonly of: SearchCriterion }
  | { readonly kind: 'uids'; readonly uids: UidSet }
  /** A system flag (with its backslash) or a keyword, in any case. */
  | { readonly kind: 'flag'; readonly flag: string }
  /** RFC822.SIZE in octets: larger than `above`, smaller than `below`. */
  | { readonly kind: 'size'; readonly above?: number; readonly below?: number }
  /** INTERNALDATE in milliseconds since the epoch: from (inclusive) to (not inclusive). ON is a day of UTC. */
  | { readonly kind: 'received'; readonly from?: number; readonly to?: number }
  /** The Date field's date as written, in days since 1970-01-01, both inclusive; INTERNALDATE's when there is none to read. */
  | { readonly kind: 'sent'; readonly from?: number; readonly to?: number }
  /** The decoded field contains `text`; an empty text asks whether the field is there. Any field name, in any case. */
  | { readonly kind: 'header'; readonly field: string; readonly text: string }
  /** The decoded text of the body (BODY), or of header and body (TEXT), contains `text`. The first 256 K characters are looked at. */
  | { readonly kind: 'body'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  /** RFC 7162 section 3.1.5: a modseq of at least this. */
  | { readonly kind: 'modseq'; readonly from: number }
  /** RFC 8474 section 6. */
  | { readonly kind: 'emailid'; readonly id: string }
  | { readonly kind: 'threadid'; readonly id: string };

/** RFC 5256 section 3. `arrival` is INTERNALDATE, `date` the sent date. */
export type SortKey = 'arrival' | 'cc' | 'date' | 'from' | 'size' | 'subject' | 'to';

/** The first decides first; equal in all, by UID. */
export type SortOrder = readonly { readonly key: SortKey; readonly reverse: boolean }[];
