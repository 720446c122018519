// The keys of SEARCH, SORT and THREAD (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, RFC 7162 section 3.1.5, RFC 8474 section 6) as a question to the
// store. Sequence numbers, `$` and \Recent mean what they mean to this session at this moment. Throws BadSyntax.
import { decodeCharset } from '#shared/mail/mime/charset.ts';
import type { SearchCriterion } from '#shared/mailstore/search-criteria.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import { MAX_SEARCH_KEYS } from '../limits.ts';
import type { SelectedMailbox } from '../session/selected-mailbox.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { readDate } from '../syntax/date-time.ts';
import { normalised, type SequenceSet } from '../syntax/sequence-set.ts';

export interface KeyContext {
  readonly mailbox: SelectedMailbox;
  /** Of the strings. */
  readonly charset: string;
  /** Read so far. */
  keys: number;
}

type KeyReader = (args: ArgumentReader, context: KeyContext) => SearchCriterion;

const DAY = 86_400_000;

const flag = (name: string): SearchCriterion => ({ kind: 'flag', flag: name });
const not = (of: SearchCriterion): SearchCriterion => ({ kind: 'not', of });
const and = (...of: readonly SearchCriterion[]): SearchCriterion => ({ kind: 'and', of });
const recent = ({ mailbox }: KeyContext): SearchCriterion => ({ kind: 'uids', uids: mailbox.recent });
const header =
  (field: string): KeyReader =>
  (args, context) => ({ kind: 'header', field, text: text(args, context) });

const KEYS: Readonly<Record<string, KeyReader>> = {
  ALL: () => ({ kind: 'all' }),
  ANSWERED: () => flag('\\Answered'),
  DELETED: () => flag('\\Deleted'),
  DRAFT: () => flag('\\Draft'),
  FLAGGED: () => flag('\\Flagged'),
  SEEN: () => flag('\\Seen'),
  UNANSWERED: () => not(flag('\\Answered')),
  UNDELETED: () => not(flag('\\Deleted')),
  UNDRAFT: () => not(flag('\\Draft')),
  UNFLAGGED: () => not(flag('\\Flagged')),
  UNSEEN: () => not(flag('\\Seen')),
  // RFC 3501 section 6.4.4; RFC 9051 has none of \Recent.
  NEW: (_, context) => and(recent(context), not(flag('\\Seen'))),
  OLD: (_, context) => not(recent(context)),
  RECENT: (_, context) => recent(context),
  KEYWORD: (args) => flag(keyword(args)),
  UNKEYWORD: (args) => not(flag(keyword(args))),
  BCC: header('bcc'),
  CC: header('cc'),
  FROM: header('from'),
  SUBJECT: header('subject'),
  TO: header('to'),
  HEADER: (args, context) => {
    args.space();
    return header(args.astring())(args, context);
  },
  BODY: (args, context) => ({ kind: 'body', text: text(args, context) }),
  TEXT: (args, context) => ({ kind: 'text', text: text(args, context) }),
  BEFORE: (args) => ({ kind: 'received', to: day(args) * DAY }),
  SINCE: (args) => ({ kind: 'received', from: day(args) * DAY }),
  ON: (args) => {
    const on = day(args);
    return { kind: 'received', from: on * DAY, to: (on + 1) * DAY };
  },
  SENTBEFORE: (args) => ({ kind: 'sent', to: day(args) - 1 }),
  SENTSINCE: (args) => ({ kind: 'sent', from: day(args) }),
  SENTON: (args) => {
    const on = day(args);
    return { kind: 'sent', from: on, to: on };
  },
  LARGER: (args) => ({ kind: 'size', above: number(args) }),
  SMALLER: (args) => ({ kind: 'size', below: number(args) }),
  UID: (args, { mailbox }) => {
    args.space();
    return { kind: 'uids', uids: mailbox.resolve(args.sequenceSet(), 'uid') };
  },
  MODSEQ: (args) => ({ kind: 'modseq', from: modseq(args) }),
  EMAILID: (args) => ({ kind: 'emailid', id: objectId(args) }),
  THREADID: (args) => ({ kind: 'threadid', id: objectId(args) }),
  NOT: (args, context) => {
    args.space();
    return not(args.deeper(() => readKey(args, context)));
  },
  OR: (args, context) => {
    args.space();
    const first = readKey(args, context);
    args.space();
    // Many clients ask OR OR OR a b c d: one list, however deep, and bounded as all keys are.
    return { kind: 'or', of: [first, readKey(args, context)].flatMap((one) => (one.kind === 'or' ? one.of : [one])) };
  },
};

/** One or more keys: messages that match all of them. */
export function readKeys(args: ArgumentReader, context: KeyContext): SearchCriterion {
  const keys = [readKey(args, context)];
  while (args.take(' ')) keys.push(readKey(args, context));
  return keys.length === 1 && keys[0] ? keys[0] : and(...keys);
}

function readKey(args: ArgumentReader, context: KeyContext): SearchCriterion {
  if (++context.keys > MAX_SEARCH_KEYS) throw new BadSyntax('Too many search keys');
  const next = args.peek();
  if (next === '(') return args.nested(() => readKeys(args, context));
  if (/[\d*$]/.test(next)) return { kind: 'uids', uids: messagesAmong(args.sequenceSet(), context.mailbox) };
  const name = args.keyword();
  const reader = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
  if (!reader) throw new BadSyntax('Unknown search key');
  return reader(args, context);
}

/** Sequence numbers that no message has match nothing: a search asks, it does not act. */
function messagesAmong(set: SequenceSet, mailbox: SelectedMailbox): UidSet {
  if (set.kind === 'saved') return mailbox.saved;
  const { uids } = mailbox;
  return normalised(set.ranges, uids.length)
    .filter(([first, last]) => first <= uids.length && last > 0)
    .map(([first, last]) => [uids[Math.max(first, 1) - 1] as number, uids[Math.min(last, uids.length) - 1] as number]);
}

function text(args: ArgumentReader, { charset }: KeyContext): string {
  args.space();
  return decodeCharset(args.astringOctets(), charset);
}

function day(args: ArgumentReader): number {
  args.space();
  return readDate(args);
}

function number(args: ArgumentReader): number {
  args.space();
  return args.number();
}

function keyword(args: ArgumentReader): string {
  args.space();
  return args.atom();
}

function objectId(args: ArgumentReader): string {
  args.space();
  return args.astring();
}

/** RFC 7162 section 3.1.5: an entry for the metadata of one flag may stand before it; we keep one modseq for all. */
function modseq(args: ArgumentReader): number {
  args.space();
  if (args.peek() === '"') {
    args.string();
    args.space();
    if (!['ALL', 'PRIV', 'SHARED'].includes(args.keyword())) throw new BadSyntax('Expected all, priv or shared');
    args.space();
  }
  return args.number();
}

/** The criterion asks about modseqs: then the answer tells one (RFC 7162 section 3.1.5). */
export function asksModseq(criterion: SearchCriterion): boolean {
  if (criterion.kind === 'and' || criterion.kind === 'or') return criterion.of.some(asksModseq);
  return criterion.kind === 'not' ? asksModseq(criterion.of) : criterion.kind === 'modseq';
}
