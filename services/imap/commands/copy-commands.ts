// COPY and MOVE (RFC 9051 section 6.4.7 and 6.4.8) and their UID forms, with COPYUID (RFC 4315 section 3).
import type { Copied } from '#shared/mailstore/mailbox-store.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import { type Completion, no, ok, refused } from '../response/completion.ts';
import type { Naming, SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import { formatNumbers, type SequenceSet } from '../syntax/sequence-set.ts';
import { type Command, MAILBOX_SELECTED } from './command.ts';
import { mailboxArgument } from './mailbox-argument.ts';

interface CopyArguments {
  readonly set: SequenceSet;
  readonly to: string;
}

export const copy = copyCommand('COPY', 'sequence');
export const uidCopy = copyCommand('UID COPY', 'uid');
export const move = moveCommand('MOVE', 'sequence');
export const uidMove = moveCommand('UID MOVE', 'uid');

function copyCommand(name: string, naming: Naming): Command<CopyArguments> {
  return {
    name,
    states: MAILBOX_SELECTED,
    parse: read,
    async run({ mailbox }, { set, to }) {
      const uids = mailbox.resolve(set, naming);
      const copied = await mailbox.store.copy(uids, to);
      if (copied.kind === 'refused') return refused(copied);
      if (copied.from.length === 0 && namesMessages(set, naming, uids)) return allExpunged(mailbox);
      return ok('Copied', copyuid(copied));
    },
  };
}

function moveCommand(name: string, naming: Naming): Command<CopyArguments> {
  return { name, states: MAILBOX_SELECTED, parse: read, run: (session, { set, to }) => runMove(session, naming, set, to) };
}

/** RFC 6851 section 4.3: COPYUID goes ahead of the expunges, in an untagged OK. */
async function runMove({ mailbox, out }: Session, naming: Naming, set: SequenceSet, to: string): Promise<Completion> {
  if (mailbox.readOnly) return no('The mailbox is open read-only', 'CANNOT');
  const uids = mailbox.resolve(set, naming);
  const moved = await mailbox.store.move(uids, to);
  if (moved.kind === 'refused') return refused(moved);
  if (moved.from.length === 0 && namesMessages(set, naming, uids)) return allExpunged(mailbox);
  const code = copyuid(moved);
  if (code !== undefined) out.untagged(`OK [${code}] Moved`);
  mailbox.view.expectNews();
  return ok('Moved');
}

function read(...[args, session]: Parameters<Command['parse']>): CopyArguments {
  args.space();
  const set = args.sequenceSet();
  const to = mailboxArgument(args, session);
  args.end();
  return { set, to };
}

/** Messages that the client takes for present; it may name UIDs without a message (RFC 9051 section 6.4.9), and `$`. */
function namesMessages({ kind }: SequenceSet, naming: Naming, uids: UidSet): boolean {
  return naming === 'sequence' && kind === 'numbers' && uids.length > 0;
}

/** RFC 5530 section 3: an OK would say that the client can forget its messages. */
function allExpunged({ view }: SelectedMailbox): Completion {
  view.expectNews();
  return no('The messages were expunged', 'EXPUNGEISSUED');
}

/** Undefined when nothing was copied. */
function copyuid({ uidvalidity, from, to }: Copied): string | undefined {
  return from.length === 0 ? undefined : `COPYUID ${uidvalidity} ${formatNumbers(from)} ${formatNumbers(to)}`;
}
