// SORT and UID SORT (RFC 5256 section 3). The store sorts; here are the grammar and the answer.
import type { SortKey, SortOrder } from '#shared/mailstore/search-criteria.ts';
import { type Command, MAILBOX_SELECTED } from '../commands/command.ts';
import { type Completion, ok } from '../response/completion.ts';
import type { Naming } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { known } from './find-messages.ts';
import { named } from './search-commands.ts';
import { asksModseq } from './search-keys.ts';
import { badCharset, readCharsetAndKeys, type SearchProgram } from './search-program.ts';

const KEYS: readonly SortKey[] = ['arrival', 'cc', 'date', 'from', 'size', 'subject', 'to'];

interface SortArguments {
  readonly order: SortOrder;
  readonly program: SearchProgram;
}

export const sort: Command<SortArguments> = {
  name: 'SORT',
  states: MAILBOX_SELECTED,
  tells: 'no expunges',
  parse: read,
  run: (session, args) => run(session, 'sequence', args),
};

export const uidSort: Command<SortArguments> = {
  name: 'UID SORT',
  states: MAILBOX_SELECTED,
  parse: read,
  run: (session, args) => run(session, 'uid', args),
};

function read(args: ArgumentReader, session: Session): SortArguments {
  args.space();
  const order = args.list(() => {
    const reverse = args.takeKeyword('REVERSE');
    if (reverse) args.space();
    return { key: readKey(args), reverse };
  });
  args.space();
  // A key that stands before decides all that it could decide behind.
  const distinct = Array.from(Map.groupBy(order, ({ key }) => key).values(), ([first]) => first as (typeof order)[number]);
  return { order: distinct, program: readCharsetAndKeys(args, session) };
}

function readKey(args: ArgumentReader): SortKey {
  const name = args.keyword().toLowerCase();
  const key = KEYS.find((one) => one === name);
  if (!key) throw new BadSyntax('Unknown sort key');
  return key;
}

async function run(session: Session, naming: Naming, { order, program }: SortArguments): Promise<Completion> {
  if (!program) return badCharset();
  const { mailbox, out, features } = session;
  const modseq = asksModseq(program);
  if (modseq) features.enable('CONDSTORE');
  const { uids, highestmodseq } = known(mailbox, await mailbox.store.sort(program, order));
  const tail = modseq && uids.length > 0 ? ` (MODSEQ ${highestmodseq})` : '';
  out.untagged(`${['SORT', ...named(mailbox, uids, naming)].join(' ')}${tail}`);
  return ok('Sorted');
}
