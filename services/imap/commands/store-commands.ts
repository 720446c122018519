// STORE and UID STORE (RFC 9051 section 6.4.6), with UNCHANGEDSINCE (RFC 7162 section 3.1.3).
import { placeFrom } from '#shared/mailstore/column-place.ts';
import type { FlagChange, FlagsStored } from '#shared/mailstore/mailbox-store.ts';
import { mergedRanges, type UidSet } from '#shared/mailstore/uid-set.ts';
import { type Completion, no, ok, refused } from '../response/completion.ts';
import type { Naming, SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { formatRanges, type SequenceSet } from '../syntax/sequence-set.ts';
import { type Command, MAILBOX_SELECTED } from './command.ts';

interface StoreArguments {
  readonly set: SequenceSet;
  readonly change: FlagChange;
  readonly flags: readonly string[];
  readonly silent: boolean;
  readonly unchangedSince: number | undefined;
}

const CHANGES: Readonly<Record<string, FlagChange>> = { '': 'replace', '+': 'add', '-': 'remove' };

export const store: Command<StoreArguments> = {
  name: 'STORE',
  states: MAILBOX_SELECTED,
  tells: 'no expunges',
  parse: read,
  run: (session, args) => run(session, 'sequence', args),
};

export const uidStore: Command<StoreArguments> = {
  name: 'UID STORE',
  states: MAILBOX_SELECTED,
  parse: read,
  run: (session, args) => run(session, 'uid', args),
};

function read(args: ArgumentReader): StoreArguments {
  args.space();
  const set = args.sequenceSet();
  args.space();
  const unchangedSince = args.peek() === '(' ? readUnchangedSince(args) : undefined;
  const [, sign = '', silent] = /^([+-]?)FLAGS(\.SILENT)?$/.exec(args.keyword()) ?? badItem();
  args.space();
  const flags = args.peek() === '(' ? args.list(() => args.flag(), 'may be empty') : bareFlags(args);
  args.end();
  return { set, change: CHANGES[sign] ?? 'replace', flags, silent: silent !== undefined, unchangedSince };
}

function badItem(): never {
  throw new BadSyntax('Expected FLAGS, +FLAGS or -FLAGS, and .SILENT perhaps');
}

function readUnchangedSince(args: ArgumentReader): number {
  const modseq = args.nested(() => {
    if (!args.takeKeyword('UNCHANGEDSINCE')) throw new BadSyntax('Unknown modifier of STORE');
    args.space();
    return args.number();
  });
  args.space();
  return modseq;
}

function bareFlags(args: ArgumentReader): readonly string[] {
  const flags = [args.flag()];
  while (args.take(' ')) flags.push(args.flag());
  return flags;
}

async function run(session: Session, naming: Naming, { set, change, flags, silent, unchangedSince }: StoreArguments): Promise<Completion> {
  const { mailbox, features } = session;
  if (mailbox.readOnly) return no('The mailbox is open read-only', 'CANNOT');
  // RFC 7162 section 3.1: this enables CONDSTORE.
  if (unchangedSince !== undefined) features.enable('CONDSTORE');
  const uids = mailbox.resolve(set, naming);
  const stored = await mailbox.store.storeFlags(uids, change, flags, unchangedSince);
  if (stored.kind === 'refused') return refused(stored);
  await mailbox.stored(stored, !silent);
  await tell(session, naming, stored, uids, silent);
  return modified(mailbox, stored, naming);
}

/** All that were named are answered, changed or not, for a client may wait for each (RFC 9051 section 6.4.6); in silence only a new modseq is told. */
async function tell(
  { mailbox, features, out }: Session,
  naming: Naming,
  { changed, modified: failed }: FlagsStored,
  uids: UidSet,
  silent: boolean,
): Promise<void> {
  const { columns } = mailbox.view;
  const [modseq] = changed.modseqs;
  const old = new Set(Array.from(columns.among(failed), ({ uid }) => uid));
  for (const message of [...columns.among(uids)]) {
    if (!silent && !old.has(message.uid)) mailbox.tellFlags(message, naming);
    // RFC 7162 section 3.1.3.
    else if (silent && features.condstore && message.modseq === modseq) mailbox.tellModseq(message);
    await out.ready();
  }
}

/** RFC 7162 section 3.1.3: those that had changed are named as the command named them. */
function modified({ uids }: SelectedMailbox, { modified: failed }: FlagsStored, naming: Naming): Completion {
  if (failed.length === 0) return ok('Stored');
  const numbers = naming === 'uid' ? failed : mergedRanges(failed.map(([first, last]) => [placeFrom(uids, first) + 1, placeFrom(uids, last + 1)]));
  return ok('Some had changed', `MODIFIED ${formatRanges(numbers)}`);
}
