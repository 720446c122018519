// SEARCH and UID SEARCH (RFC 9051 section 6.4.4), with RETURN (RFC 4731), SAVE (RFC 5182) and MODSEQ (RFC 7162 section 3.1.5).
import type { Found } from '#shared/mailstore/mailbox-store.ts';
import type { SearchCriterion } from '#shared/mailstore/search-criteria.ts';
import { rangesOf } from '#shared/mailstore/uid-set.ts';
import { type Command, MAILBOX_SELECTED } from '../commands/command.ts';
import { type Completion, ok } from '../response/completion.ts';
import type { Naming, SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { formatNumbers } from '../syntax/sequence-set.ts';
import { findMessages } from './find-messages.ts';
import { asksModseq } from './search-keys.ts';
import { badCharset, readProgram, type SearchProgram } from './search-program.ts';

/** RFC 9051 section 6.4.4. */
const OPTIONS = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'] as const;
type ReturnOption = (typeof OPTIONS)[number];
type Returns = ReadonlySet<ReturnOption>;

interface SearchArguments {
  /** Null: the SEARCH response of IMAP4rev1. */
  readonly returns: Returns | null;
  readonly program: SearchProgram;
}

export const search: Command<SearchArguments> = {
  name: 'SEARCH',
  states: MAILBOX_SELECTED,
  tells: 'no expunges',
  parse: read,
  run: (session, args) => run(session, 'sequence', args),
};

export const uidSearch: Command<SearchArguments> = {
  name: 'UID SEARCH',
  states: MAILBOX_SELECTED,
  parse: read,
  run: (session, args) => run(session, 'uid', args),
};

function read(args: ArgumentReader, session: Session): SearchArguments {
  args.space();
  const asked = args.takeKeyword('RETURN') ? readReturns(args) : null;
  // RFC 9051 section 6.4.4: without RETURN it is RETURN (ALL).
  const returns = asked ?? (session.features.rev2 ? new Set(['ALL'] as const) : null);
  return { returns, program: readProgram(args, session) };
}

function readReturns(args: ArgumentReader): Returns {
  args.space();
  const options = args.list(() => {
    const name = args.keyword();
    return OPTIONS.find((option) => option === name) ?? unknownOption();
  }, 'may be empty');
  args.space();
  return new Set(options.length > 0 ? options : ['ALL']);
}

function unknownOption(): never {
  throw new BadSyntax('Unknown option of RETURN');
}

async function run(session: Session, naming: Naming, { returns, program }: SearchArguments): Promise<Completion> {
  const { mailbox, features } = session;
  if (!program) {
    // RFC 5182 section 2.1: a search that fails saves nothing.
    if (returns?.has('SAVE')) mailbox.saved = [];
    return badCharset();
  }
  const modseq = asksModseq(program);
  // RFC 7162 section 3.1: asking for modseqs enables CONDSTORE.
  if (modseq) features.enable('CONDSTORE');
  const found = await findSaving(session, program, returns);
  if (!returns) tellSearch(session, naming, found, modseq);
  else if (returns.size > 1 || !returns.has('SAVE')) tellExtended(session, naming, found, returns, modseq);
  return ok('Searched');
}

async function findSaving(session: Session, criterion: SearchCriterion, returns: Returns | null): Promise<Found> {
  const { mailbox } = session;
  if (!returns?.has('SAVE')) return findMessages(session, criterion);
  try {
    const found = await findMessages(session, criterion);
    mailbox.saved = rangesOf(toSave(found.uids, returns));
    return found;
  } catch (error) {
    mailbox.saved = [];
    throw error;
  }
}

/** RFC 5182 section 2.1: MIN and MAX without ALL and COUNT save only what they tell. */
function toSave(uids: Uint32Array, returns: Returns): Iterable<number> {
  const ends = (returns.has('MIN') || returns.has('MAX')) && !returns.has('ALL') && !returns.has('COUNT');
  return ends ? endsOf(uids, returns) : uids;
}

/** The first and the last, as MIN and MAX ask for them; ascending. */
function endsOf(uids: Uint32Array, returns: Returns): readonly number[] {
  const first = returns.has('MIN') ? [uids.at(0)] : [];
  const last = returns.has('MAX') ? [uids.at(-1)] : [];
  return [...new Set([...first, ...last])].filter((uid) => uid !== undefined);
}

/** RFC 3501 section 7.2.5, RFC 7162 section 3.1.5. */
function tellSearch({ mailbox, out }: Session, naming: Naming, { uids, highestmodseq }: Found, modseq: boolean): void {
  const numbers = [...named(mailbox, uids, naming)];
  const tail = modseq && numbers.length > 0 ? ` (MODSEQ ${highestmodseq})` : '';
  out.untagged(`${['SEARCH', ...numbers].join(' ')}${tail}`);
}

/** RFC 9051 section 7.3.4, RFC 4731 section 3.1, RFC 7162 section 3.1.10. */
function tellExtended({ mailbox, out, tag }: Session, naming: Naming, { uids, highestmodseq }: Found, returns: Returns, modseq: boolean): void {
  const numbers = named(mailbox, uids, naming);
  const [min, max] = [numbers.at(0), numbers.at(-1)];
  const answers = [`ESEARCH (TAG "${tag}")`];
  if (naming === 'uid') answers.push('UID');
  if (returns.has('MIN') && min !== undefined) answers.push(`MIN ${min}`);
  if (returns.has('MAX') && max !== undefined) answers.push(`MAX ${max}`);
  if (returns.has('ALL') && numbers.length > 0) answers.push(`ALL ${formatNumbers(numbers)}`);
  if (returns.has('COUNT')) answers.push(`COUNT ${numbers.length}`);
  if (modseq && numbers.length > 0)
    answers.push(`MODSEQ ${returns.has('ALL') || returns.has('COUNT') ? highestmodseq : modseqOfEnds(mailbox, endsOf(uids, returns), highestmodseq)}`);
  out.untagged(answers.join(' '));
}

/** RFC 7162 section 3.1.10: of what MIN and MAX tell alone. */
function modseqOfEnds({ view }: SelectedMailbox, ends: readonly number[], otherwise: number): number {
  return ends.reduce((highest, uid) => Math.max(highest, view.columns.get(uid)?.modseq ?? otherwise), 0);
}

/** UIDs as the command names messages. */
export function named(mailbox: SelectedMailbox, uids: Uint32Array, naming: Naming): Uint32Array {
  return naming === 'uid' ? uids : uids.map((uid) => mailbox.sequenceNumber(uid));
}
