// MOVE (RFC 9051 section 6.4.8) and UID MOVE, with COPYUID.
import { type Completion, no, ok, refused } from '../response/completion.ts';
import type { Naming } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { SequenceSet } from '../syntax/sequence-set.ts';
import { type Command, MAILBOX_SELECTED } from './command.ts';
import { allExpunged, type CopyArguments, copyuid, namesMessages, readCopyArguments } from './copy-arguments.ts';

export const move = moveCommand('MOVE', 'sequence');
export const uidMove = moveCommand('UID MOVE', 'uid');

function moveCommand(name: string, naming: Naming): Command<CopyArguments> {
  return { name, states: MAILBOX_SELECTED, parse: readCopyArguments, run: (session, { set, to }) => runMove(session, naming, set, to) };
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
