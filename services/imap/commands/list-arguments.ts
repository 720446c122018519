// What LIST is asked (RFC 9051 section 6.3.9, RFC 5258, RFC 6154 section 5.2, RFC 5819): which names, and what to say of them.
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { withReference } from '../syntax/list-pattern.ts';
import { readMailbox, readPattern } from '../syntax/mailbox-name.ts';
import { readStatusItems } from './status-items.ts';

export interface ListArguments {
  /** Full patterns; empty for `LIST "" ""`, which asks for the separator. */
  readonly patterns: readonly string[];
  readonly select: ReadonlySet<SelectionOption>;
  readonly returns: ReadonlySet<ReturnOption>;
  /** With options: the client knows RFC 5258. */
  readonly extended: boolean;
  /** Items of STATUS; null when they are not asked for. */
  readonly status: readonly string[] | null;
}

const SELECTION = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'] as const;
export type SelectionOption = (typeof SELECTION)[number];
const RETURNS = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'] as const;
export type ReturnOption = (typeof RETURNS)[number];

/** Characters of all patterns together: matching costs as much for every mailbox. */
const MOST_PATTERN = 4000;

export function readListArguments(args: ArgumentReader, { features }: Session): ListArguments {
  const form = features.nameForm;
  args.space();
  const selects = args.peek() === '(';
  const select = selects ? readSelection(args) : new Set<SelectionOption>();
  const reference = readMailbox(args, form).name;
  args.space();
  const patterns = args.peek() === '(' ? args.list(() => readPattern(args, form)) : [readPattern(args, form)];
  const answers = args.take(' ');
  const { returns, status } = answers ? readReturns(args) : { returns: new Set<ReturnOption>(), status: null };
  args.end();
  if (patterns.join('').length > MOST_PATTERN) throw new BadSyntax('Patterns too long');
  const full = patterns.length === 1 && patterns[0] === '' ? [] : patterns.map((pattern) => withReference(reference, pattern));
  return { patterns: full, select, returns, status, extended: selects || answers };
}

function readSelection(args: ArgumentReader): ReadonlySet<SelectionOption> {
  const options = new Set(args.list(() => oneOf(SELECTION, args.keyword()), 'may be empty'));
  args.space();
  // RFC 5258 section 3.1: it says what to do with other options, so one must be there.
  if (options.has('RECURSIVEMATCH') && !options.has('SUBSCRIBED') && !options.has('SPECIAL-USE')) throw new BadSyntax('RECURSIVEMATCH needs another option');
  return options;
}

function readReturns(args: ArgumentReader): Pick<ListArguments, 'returns' | 'status'> {
  if (!args.takeKeyword('RETURN')) throw new BadSyntax('Expected RETURN');
  args.space();
  let status: readonly string[] | null = null;
  const returns = new Set<ReturnOption>();
  args.list(() => {
    const option = args.keyword();
    if (option !== 'STATUS') return void returns.add(oneOf(RETURNS, option));
    args.space();
    status = readStatusItems(args);
  }, 'may be empty');
  return { returns, status };
}

function oneOf<T extends string>(known: readonly T[], option: string): T {
  const found = known.find((name) => name === option);
  if (!found) throw new BadSyntax('Unknown option of LIST');
  return found;
}
